import Foundation
import TestSupport
import Testing

/// The parts of a release that need no release: man pages, completions and examples of deployment.
@Suite struct PackagingTests {
    private let program = Program()

    private static func isThere(_ tool: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\(tool)")
    }

    private static func file(_ path: String) throws -> String {
        try String(contentsOfFile: "\(Tools.repository)/\(path)", encoding: .utf8)
    }

    private func text(of path: String) -> String {
        String(decoding: contents(of: program.folder.file(path)), as: UTF8.self)
    }

    /// Writes the man pages of the built program, and returns their names.
    private func writeManPages() async throws -> [String] {
        var program = program
        program.environment = ["SOURCE_DATE_EPOCH": "86400"]
        let script = "\(Tools.repository)/scripts/man-pages"
        let arguments = ["-B", script, Program.products + "/runner", "man"]
        let written = try await program.start(Tools.python, arguments).wait()
        #expect(written.status == 0, "\(written.err)")
        return try FileManager.default.contentsOfDirectory(atPath: program.folder.file("man"))
    }

    @Test func manPages_areThoseOfEachCommand() async throws {
        let pages = try await writeManPages()
        let help = try await program.runner("--help").out
        let commands = help.split(separator: "\n").drop { $0 != "SUBCOMMANDS:" }.dropFirst()
            .compactMap { line in line.prefixMatch(of: #/  ([a-z-]+)( |$)/#).map { String($0.1) } }
        #expect(commands.count > 10)
        #expect(Set(pages) == Set(["runner.1"] + commands.map { "runner-\($0).1" }))
        for command in commands {
            let page = text(of: "man/runner-\(command).1")
            let title = command.uppercased().replacing("-", with: "\\-")
            #expect(page.hasPrefix(".TH \"RUNNER\\-\(title)\" 1 \"1970-01-02\""))
            let help = try await program.runner(command, "--help").out
            for option in help.matches(of: #/(?m)^  (?:-\w, )?(--[a-z0-9.-]+)/#).map({ $0.1 }) {
                let escaped = option.replacing("-", with: "\\-")
                #expect(page.contains("\\fB\(escaped)\\fR"), "\(command) \(option)")
            }
        }
        let root = text(of: "man/runner.1")
        #expect(root.contains(".TP\n\\fB12\\fR\nstopped by a limit"))
    }

    @Test(
        .enabled(
            if: PackagingTests.isThere("mandoc"),
            "mandoc is not installed; scripts/release checks it, too"))
    func manPages_areAcceptedByMandoc() async throws {
        let pages = try await writeManPages().map { "man/\($0)" }
        let lint = try await program.start(
            "/usr/bin/mandoc", ["-T", "lint", "-W", "warning"] + pages
        ).wait()
        #expect(lint.status == 0, "\(lint.out)\(lint.err)")
    }

    @Test(
        .enabled(
            if: PackagingTests.isThere("zsh"),
            "zsh is not installed; bash's completions are tested in any case"))
    func completions_areAcceptedByZsh() async throws {
        let script = try await program.runner("--generate-completion-script", "zsh")
        write(Array(script.out.utf8), to: program.folder.file("_runner"))
        try await program.start("/usr/bin/zsh", ["-n", "_runner"]).wait().expectSuccess()
    }

    @Test(
        .enabled(
            if: PackagingTests.isThere("fish"),
            "fish is not installed; bash's completions are tested in any case"))
    func completions_areAcceptedByFish() async throws {
        let script = try await program.runner("--generate-completion-script", "fish")
        write(Array(script.out.utf8), to: program.folder.file("runner.fish"))
        try await program.start("/usr/bin/fish", ["-n", "runner.fish"]).wait().expectSuccess()
    }

    @Test func deployments_waitLongerThanARunTakesToStop() throws {
        func seconds(_ pattern: String, in text: String) throws -> Int {
            let found = try #require(text.firstMatch(of: Regex<(Substring, Substring)>(pattern)))
            return try #require(Int(found.1))
        }
        let service = try Self.file("deploy/systemd/runner@.service")
        #expect(
            try seconds("TimeoutStopSec=(\\d+)", in: service)
                > seconds("--grace (\\d+)", in: service))
        let job = try Self.file("deploy/kubernetes/job.yaml")
        #expect(
            try seconds("terminationGracePeriodSeconds: (\\d+)", in: job)
                > seconds("--grace, \"(\\d+)\"", in: job))
        let fleet = try Self.file("deploy/kubernetes/fleet.yaml")
        #expect(
            try seconds("terminationGracePeriodSeconds: (\\d+)", in: fleet)
                > seconds("--grace=(\\d+)", in: fleet))
    }

    /// The commands of the examples must be some that this program takes.
    @Test func deployments_useOptionsThatThereAre() async throws {
        let service = try Self.file("deploy/systemd/runner@.service")
        let start = try #require(service.firstMatch(of: #/ExecStart=/usr/bin/runner (.*)/#)).1
            .replacing(" $RUNNER_OPTIONS", with: "")
        let job = try Self.file("deploy/kubernetes/job.yaml")
        let list = try #require(job.firstMatch(of: #/args: \[(.*)\]/#)).1.replacing("\"", with: "")
        let folder = program.folder.path
        for arguments in [
            start.split(separator: " "), list.replacing(", ", with: " ").split(separator: " "),
        ] {
            let here = arguments.map { $0.replacing("/data", with: folder) }
            // Usage would be 2: what is wrong is that there is no queue.
            let result = try await program.start("runner", here.map { String($0) }).wait()
            #expect(result.status == 3, "\(result.err)")
        }
    }

    @Test func fleet_usesOptionsThatThereAre() async throws {
        let fleet = try Self.file("deploy/kubernetes/fleet.yaml")
        write(Array("0123456789abcdef0123456789abcdef\n".utf8), to: program.folder.file("token"))
        let folder = program.folder.path
        let arguments = fleet.matches(of: #/ {12}- (run|--\S+)/#).map { match in
            String(match.1).replacing("/data", with: folder).replacing("/secret", with: folder)
                .replacing("$(POD_IP)", with: "127.0.0.1").replacing(":8080", with: ":0")
        }
        #expect(arguments.count > 8)
        var program = program
        program.environment["RUNNER_QUEUE"] = "postgres://me@127.0.0.1:1/crawl"
        // Usage would be 2: what is wrong is that there is no server.
        let result = try await program.start("runner", arguments).wait()
        #expect(result.status == 3 && result.err.contains("cannot be reached"), "\(result.err)")
    }

    @Test(
        .enabled(
            if: PackagingTests.isThere("systemd-analyze"),
            "systemd is not installed, which reads its units alone"))
    func units_areAcceptedBySystemd() async throws {
        var units: [String] = []
        for name in ["runner@.service", "runner@.timer"] {
            let unit = try Self.file("deploy/systemd/\(name)")
            units.append(program.folder.file(name))
            // It looks whether the program is there.
            write(Array(unit.replacing("/usr/bin/runner", with: "/bin/true").utf8), to: units.last!)
        }
        let verified = try await program.start(
            "/usr/bin/systemd-analyze", ["verify", "--man=no"] + units
        ).wait()
        #expect(verified.status == 0, "\(verified.err)")
        #expect(verified.err == "")
    }
}
