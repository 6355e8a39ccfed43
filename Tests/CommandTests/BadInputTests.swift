import Foundation
import TestServer
import TestSupport
import Testing

/// Command lines that are wrong: refused with exit status 2, before anything is touched.
@Suite(.serialized) struct BadInputTests {
    private let program = Program()

    /// A command line, the thing its refusal names, and the cure.
    struct Wrong: CustomTestStringConvertible {
        let arguments: [String]
        let names: String
        let cure: String

        init(_ arguments: String..., names: String, cure: String) {
            self.arguments = arguments
            self.names = names
            self.cure = cure
        }

        var testDescription: String { arguments.joined(separator: " ").debugDescription }
    }

    // MARK: - enqueue

    @Test(arguments: [
        ("", "''", "write it as 0..1000"),
        ("5", "'5'", "write it as 0..1000"),
        ("abc", "'abc'", "write it as 0..1000"),
        ("..", "'..'", "write it as 0..1000"),
        ("..5", "'..5'", "write it as 0..1000"),
        ("5..", "'5..'", "write it as 0..1000"),
        ("_.._", "'_.._'", "write it as 0..1000"),
        ("1..2..3", "'1..2..3'", "write it as 0..1000"),
        ("1....5", "'1....5'", "write it as 0..1000"),
        ("1 ..5", "'1 ..5'", "write it as 0..1000"),
        ("1.. 5", "'1.. 5'", "write it as 0..1000"),
        ("0x10..20", "'0x10..20'", "write it as 0..1000"),
        ("1e3..2e3", "'1e3..2e3'", "write it as 0..1000"),
        ("1.5..3", "'1.5..3'", "write it as 0..1000"),
        ("+1..5", "'+1..5'", "write it as 0..1000"),
        ("1..٣", "'1..٣'", "write it as 0..1000"),
        ("\u{1B}[31m..5", "\\u{1b}[31m..5", "write it as 0..1000"),
        ("0..5\n", "0..5", "write it as 0..1000"),
        ("0..0", "0..0 is empty", "0...0 would include it"),
        ("7..<7", "7..<7 is empty", "7...7 would include it"),
        ("10..5", "10..5 is reversed", "did you mean 5..10?"),
        ("10..<5", "10..<5 is reversed", "did you mean 5..<10?"),
        ("10...5", "10...5 is reversed", "did you mean 5...10?"),
        ("0..-5", "0..-5", "IDs start at 0"),
        ("-5..5", "-5..5", "IDs start at 0"),
        ("-5...-1", "-5...-1", "IDs start at 0"),
        ("0..9223372036854775808", "9223372036854775808", "largest ID, 9223372036854775807"),
        ("99999999999999999999..1", "99999999999999999999", "largest ID, 9223372036854775807"),
        (
            "0...9223372036854775807", "0...9223372036854775807",
            "largest ID, 9223372036854775807"
        ),
    ])
    func enqueue_isRefused_whenTheRangeIs(_ range: String, names: String, cure: String)
        async throws
    {
        let result = try await program.runner("enqueue", "--range", range)
        result.expectRefusal(2, "range", names, cure)
        #expect(try program.files().isEmpty)
    }

    @Test(arguments: [
        ("", "no scheme", "https://"),
        ("h/{id}", "'h/{id}' has no scheme", "did you mean https://h/{id}?"),
        ("javascript:{id}", "'javascript:{id}'", "http"),
        ("http:/h/{id}", "'http:/h/{id}'", "http://"),
        ("://h/{id}", "scheme", "only http and https"),
        ("ftp://h/{id}", "'ftp'", "only http and https"),
        ("file:///etc/{id}", "'file'", "only http and https"),
        ("http://h/", "'http://h/' has no placeholder", "put {id} where the ID belongs"),
        ("http://h/%7Bid%7D", "has no placeholder", "put {id} where the ID belongs"),
        ("http://h/{name}", "'http://h/{name}'", "%7B"),
        ("http://h/{id", "'http://h/{id'", "%7B"),
        ("http://h/id}", "'http://h/id}'", "%7D"),
        ("http://h/ {id}", "space", "%20"),
        (" http://h/{id}", "space", "%20"),
        ("http://h/\t{id}", "control character (0x9)", "percent-encode"),
        ("http://h/{id}\n", "control character (0xa)", "percent-encode"),
        ("http://h/{id}\r\nX: y", "control character (0xd)", "percent-encode"),
        ("http://h/{id}\u{7F}", "control character (0x7f)", "percent-encode"),
        ("http://h/\u{1B}[2J{id}", "control character (0x1b)", "percent-encode"),
        ("http:///{id}", "'http:///{id}'", "host"),
        ("http://?{id}", "'http://?{id}'", "host"),
        ("http://#{id}", "'http://#{id}'", "host"),
        ("http://:80/{id}", "'http://:80/{id}'", "host"),
        ("http://user@/{id}", "'http://user@/{id}'", "host"),
        ("http://user:word@:80/{id}", "'http://user:word@:80/{id}'", "host"),
        ("http://[]/{id}", "'http://[]/{id}'", "host"),
        ("http://[::1/{id}", "'http://[::1/{id}'", "host"),
        ("http://h:99999/{id}", "'http://h:99999/{id}'", "port"),
        ("http://h:x/{id}", "'http://h:x/{id}'", "port"),
        ("http://h:+80/{id}", "'+80'", "from 1 to 65535"),
        ("http://h: 80/{id}", "space before its path", "take it out"),
        ("http://a@b@h/{id}", "more than one @", "%40"),
        ("http://a%00b/{id}", "'%00' in its host", "api.example.com"),
        ("http://a%2Fb/{id}", "'%2F' in its host", "api.example.com"),
        ("http://[zz]/{id}", "'http://[zz]/{id}'", "[::1]"),
        ("http://::1/{id}", "'http://::1/{id}'", "[::1]"),
    ])
    func enqueue_isRefused_whenTheURLIs(_ url: String, names: String, cure: String) async throws {
        let result = try await program.runner("enqueue", "--range", "0..5", "--url", url)
        result.expectRefusal(2, "URL", names, cure)
        #expect(try program.files().isEmpty)
    }

    @Test(arguments: [
        Wrong("--range", "0..5", "--step", "0", names: "--step is 0", cure: "give 1 or more"),
        Wrong("--range", "0..5", "--step", "-2", names: "--step is -2", cure: "give 1 or more"),
        Wrong("--range", "0..5", "--step", "1.5", names: "'1.5'", cure: "--step"),
        Wrong("--range", "0..5", "--step", "9223372036854775808", names: "'92", cure: "--step"),
        Wrong("--step", "2", "urls.txt", names: "--step", cure: "goes with --range"),
        Wrong("--step", "2", names: "nothing to queue", cure: "--range"),
    ])
    func enqueue_isRefused_whenTheStepIs(_ wrong: Wrong) async throws {
        let result = try await program.start("runner", ["enqueue"] + wrong.arguments).wait()
        result.expectRefusal(2, wrong.names, wrong.cure)
        #expect(try program.files().isEmpty)
    }

    /// As in a script that is read from standard input, or started by a program that says nothing.
    @Test(arguments: ["</dev/null", "<.empty", "<.pipe", "<urls.txt"])
    func standardInput_isNoList_whenItIsEmptyOrTheCommandIsWhole(_ input: String) async throws {
        write(Array("http://127.0.0.1/a\n".utf8), to: program.folder.file("urls.txt"))
        write([], to: program.folder.file(".empty"))
        let command = input == "<urls.txt" ? "enqueue --range 0..5" : "--help"
        let script = "mkfifo .pipe; exec 3<>.pipe; exec \"$0\" \(command) \(input)"
        try await program.shell(script, []).expectSuccess()
        guard input != "<urls.txt" else { return }
        let bare = try await program.shell("exec 3<>.pipe; exec \"$0\" \(input)", [])
        bare.expectSuccess()
        #expect(bare.out.hasPrefix("OVERVIEW: "))
    }

    @Test func enqueue_isRefused_whenTheQueueWouldHoldMoreJobsThanCanBeCounted() async throws {
        let most = "0..9223372036854775807"
        try await program.runner("enqueue", "--range", most).expectSuccess()
        let before = try program.files()
        let result = try await program.runner("enqueue", "--range", "0..1")
        // The limit is the queue's, not the range's: other queues take it.
        result.expectRefusal(3, "runner.db", "--queue")
        #expect(try program.files() == before)
        #expect(try await program.jobs()["total"] == Int.max)
    }

    // MARK: - run

    @Test(arguments: [
        Wrong("--workers", "0", names: "--workers is 0", cure: "at least 1"),
        Wrong("--workers", "-1", names: "-1", cure: "at least 1"),
        Wrong("--workers=-1", names: "--workers is -1", cure: "at least 1"),
        Wrong("-w", "0", names: "--workers is 0", cure: "at least 1"),
        Wrong("--workers", "abc", names: "'abc'", cure: "--help"),
        Wrong("--workers", "1.5", names: "'1.5'", cure: "--help"),
        Wrong("--workers", "", names: "--workers", cure: "--help"),
        Wrong("--workers", names: "--workers", cure: "--help"),
        Wrong("--workers", "9223372036854775808", names: "9223372036854775808", cure: "--help"),
        Wrong("--workers", "9223372036854775807", names: "9223372036854775807", cure: "--workers"),
        Wrong("--workers", "9223372036854775806", names: "9223372036854775806", cure: "--workers"),
        Wrong("--workers", "1000000000", names: "1000000000 workers", cure: "use --workers "),
        Wrong("--retries", "-1", names: "-1", cure: "0 to 254"),
        Wrong("--retries=-1", names: "--retries is -1", cure: "0 to 254"),
        Wrong("--retries", "255", names: "--retries is 255", cure: "0 to 254"),
        Wrong("--retries", "x", names: "--retries", cure: "--help"),
        Wrong("--retries", "99999999999999999999", names: "--retries", cure: "--help"),
        Wrong("--max-redirs=-1", names: "--max-redirs is -1", cure: "0 to 1000"),
        Wrong("--max-redirs", "-1", names: "-1", cure: "0 to 1000"),
        Wrong("--max-redirs", "1001", names: "--max-redirs is 1001", cure: "0 to 1000"),
        Wrong("--max-redirs", "x", names: "--max-redirs", cure: "--help"),
        Wrong("--max-body", "0", names: "--max-body", cure: "--help"),
        Wrong("--max-body=-1", names: "--max-body", cure: "--help"),
        Wrong("--max-body", "k", names: "--max-body", cure: "--help"),
        Wrong("--max-body", "1T", names: "'1T'", cure: "--help"),
        Wrong("--max-body", "1.5M", names: "'1.5M'", cure: "--help"),
        Wrong("--max-body", "9223372036854775807k", names: "--max-body", cure: "--help"),
        Wrong("--max-time", "0", names: "--max-time", cure: "--help"),
        Wrong("--max-time=-1", names: "--max-time", cure: "--help"),
        Wrong("--max-time", "soon", names: "'soon'", cure: "--help"),
        Wrong("--max-time", "nan", names: "--max-time", cure: "--help"),
        Wrong("--max-time", "inf", names: "--max-time", cure: "--help"),
        Wrong("--max-time", "1e300", names: "--max-time", cure: "--help"),
        Wrong("--connect-timeout", "0", names: "--connect-timeout", cure: "--help"),
        Wrong("--grace", "x", names: "--grace", cure: "--help"),
        Wrong("--max-stall", "x", names: "--max-stall", cure: "--help"),
        Wrong("--cacert", "no-such.pem", names: "no-such.pem", cure: "--cacert"),
        Wrong("--nonsense", names: "--nonsense", cure: "--help"),
        Wrong("-z", names: "-z", cure: "--help"),
        Wrong("more", names: "'more'", cure: "--help"),
    ])
    func run_isRefused_withoutTouchingTheQueue(_ wrong: Wrong) async throws {
        try await program.runner("enqueue", "--range", "0..5", "--url", "http://127.0.0.1:9/{id}")
            .expectSuccess()
        let before = try program.files()
        let result = try await program.start("runner", ["run"] + wrong.arguments).wait()
        result.expectRefusal(2, wrong.names, wrong.cure)
        #expect(try program.files() == before)
    }

    @Test func run_saysHowToRaiseTheLimit_whenWorkersNeedMoreDescriptorsThanAllowed() async throws {
        try await program.runner("enqueue", "--range", "0..5", "--url", "http://127.0.0.1:9/{id}")
            .expectSuccess()
        let before = try program.files()
        let result = try await program.runner(openFiles: 256, "run", "--workers", "1000")
        result.expectRefusal(2, "1000 workers", "256", "use --workers ", "ulimit -n ")
        #expect(try program.files() == before)
    }

    @Test func run_proposesAsManyWorkersAsTheLimitTakes() async throws {
        let origin = try await Origin.start()
        try await program.runner("enqueue", "--range", "0..300", "--url", "\(origin.url)/{id}")
            .expectSuccess()
        let refusal = try await program.runner(openFiles: 256, "run", "--workers", "1000")
        let match = try #require(refusal.err.firstMatch(of: /use --workers ([0-9]+)/))
        let run = try await program.runner(openFiles: 256, "run", "-w", "\(match.output.1)", "-q")
        run.expectSuccess()
        #expect(try await program.jobs()["completed"] == 300)
        await origin.stop()
    }

    @Test func run_proposesNoNumberOfWorkers_whenNotEvenOneFits() async throws {
        try await program.runner("enqueue", "--range", "0..5", "--url", "http://127.0.0.1:9/{id}")
            .expectSuccess()
        let result = try await program.runner(openFiles: 40, "run", "--workers", "1")
        result.expectRefusal(2, "ulimit -n ", "40")
        #expect(!result.err.contains("use --workers"))
    }

    // MARK: - Any command

    @Test(arguments: [
        Wrong("fetch", names: "'fetch'", cure: "--help"),
        Wrong("enqeue", "--range", "0..5", names: "enqeue", cure: "--help"),
        Wrong("--bogus", names: "--bogus", cure: "--help"),
        Wrong("enqueue", names: "--range", cure: "--help"),
        Wrong("enqueue", "0..5", names: "--range", cure: "--help"),
        Wrong("enqueue", "--range", names: "--range", cure: "--help"),
        Wrong("enqueue", "--range", "0..5", "6..9", names: "6..9", cure: "--help"),
        Wrong("enqueue", "--rage", "0..5", names: "--range", cure: "--help"),
        Wrong("enqueue", "--range", "0..5", "--workers", "5", names: "--workers", cure: "--help"),
        Wrong("status", "--nonsense", names: "--nonsense", cure: "--help"),
        Wrong("status", "runner.db", names: "runner.db", cure: "--help"),
        Wrong("status", "--queue", names: "--queue", cure: "--help"),
    ])
    func commandLine_isRefused(_ wrong: Wrong) async throws {
        let result = try await program.start("runner", wrong.arguments).wait()
        result.expectRefusal(2, wrong.names, wrong.cure)
        #expect(try program.files().isEmpty)
    }

    @Test(arguments: [["run"], ["status"], ["export"], ["enqueue", "--range", "0..5"]])
    func command_isRefused_whenTheQueuesNameIsNone(_ command: [String]) async throws {
        for name in ["", "a\nb.db", "\u{1B}[2J.db", "a\u{7F}.db", "a\u{9B}31m.db"] {
            let typed = try await program.start("runner", command + ["--queue", name]).wait()
            typed.expectRefusal(2, "the queue's name", "--queue")
            var inherited = program
            inherited.environment["RUNNER_QUEUE"] = name
            try await inherited.start("runner", command).wait()
                .expectRefusal(2, "the queue's name", "--queue")
            #expect(try program.files().isEmpty)
        }
    }

    /// Each would be written over before the command is done.
    @Test(arguments: [
        (["run", "--metrics-file", "runner.db"], "the queue's own file"),
        (["run", "--metrics-file", "./runner.db-lock"], "the queue's own file"),
        (["enqueue", "urls.txt", "--rejects", "link.db"], "the queue's own file"),
        (["enqueue", "urls.txt", "--rejects", "./urls.txt"], "the list itself"),
        (["enqueue", "--streaming", "urls.txt", "--rejects", "urls.txt"], "the list itself"),
    ])
    func filesOfOnesOwn_areNotWrittenOver(_ arguments: [String], _ part: String) async throws {
        let program = Program()
        write(Array("http://127.0.0.1:1/\nno URL\n".utf8), to: program.folder.file("urls.txt"))
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        try FileManager.default.createSymbolicLink(
            atPath: program.folder.file("link.db"),
            withDestinationPath: program.folder.file("runner.db"))
        let before = try program.files()
        try await program.start("runner", arguments).wait().expectRefusal(2, part)
        #expect(try program.files() == before)
    }
}
