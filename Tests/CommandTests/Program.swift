import Foundation
import TestSupport
import Testing

/// The built program, run as a user runs it.
struct Program {
    /// How it ended and what it printed.
    struct Result {
        let status: Int32
        /// The signal that killed it; `nil` when it exited.
        let signal: Int32?
        let out: String
        let err: String
    }

    /// A program that runs.
    final class Running: @unchecked Sendable {  // one test task uses it
        let pid: pid_t
        private let folder: Folder
        private let output: String
        private var result: Result?

        fileprivate init(pid: pid_t, folder: Folder, output: String) {
            self.pid = pid
            self.folder = folder
            self.output = output
        }

        /// Ends it and takes it off the process table.
        deinit {
            guard result == nil else { return }
            Glibc.kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }

        func kill(_ signal: Int32) { Glibc.kill(pid, signal) }

        /// What it printed so far.
        var out: String { String(decoding: contents(of: output + ".out"), as: UTF8.self) }
        var err: String { String(decoding: contents(of: output + ".err"), as: UTF8.self) }

        /// Whether it has ended, so that `wait` returns at once.
        var hasEnded: Bool {
            // The state follows the name, which is in brackets.
            let facts = String(decoding: contents(of: "/proc/\(pid)/stat"), as: UTF8.self)
            let state = facts.split(separator: ")").last?.drop { $0 == " " }.first
            return result != nil || state == nil || state == "Z"
        }

        /// Waits for its end; kills it and fails the test after `seconds`.
        @discardableResult
        func wait(seconds: Double = 300) async -> Result {
            if let result { return result }
            let deadline = ContinuousClock.now + .seconds(seconds)
            var status: Int32 = 0
            while waitpid(pid, &status, WNOHANG) == 0 {
                if ContinuousClock.now > deadline {
                    Issue.record("process \(pid) did not end within \(seconds) s; it said: \(err)")
                    Glibc.kill(pid, SIGKILL)
                }
                try? await Task.sleep(for: .milliseconds(2))
            }
            let signal = status & 0x7F
            let ended = Result(
                status: (status >> 8) & 0xFF, signal: signal == 0 ? nil : signal, out: out, err: err
            )
            result = ended
            return ended
        }

        /// Waits until `condition` holds, as an event does; fails the test when it never does.
        func wait(seconds: Double = 60, until condition: () async throws -> Bool) async throws {
            let deadline = ContinuousClock.now + .seconds(seconds)
            var asked = ContinuousClock.now
            while try await !condition() {
                let now = ContinuousClock.now
                guard now < deadline else {
                    Issue.record("what was awaited did not happen; process \(pid) said: \(err)")
                    return
                }
                // A condition that starts a program each time takes half a core at most, which the
                // run that is waited for needs.
                let pause = min(max(now - asked, .milliseconds(5)), .milliseconds(50))
                try await Task.sleep(for: pause)
                asked = .now
            }
        }
    }

    /// Where the products of this build are: beside the test bundle, unless told otherwise.
    static let products: String = {
        if let given = ProcessInfo.processInfo.environment["RUNNER_TEST_PRODUCTS"] { return given }
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? "/proc/self/exe"
        let path = URL(fileURLWithPath: bundle).resolvingSymlinksInPath()
        return path.deletingLastPathComponent().path
    }()

    let folder: Folder
    var environment: [String: String] = [:]

    init(in folder: Folder = Folder()) { self.folder = folder }

    /// Starts a program of this build (or one of the system's, by path) in the folder.
    func start(_ name: String = "runner", _ arguments: [String]) throws -> Running {
        let output = folder.file(".output-\(UUID().uuidString)")
        let executable = name.contains("/") ? name : Self.products + "/" + name
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, 1, output + ".out", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(
            &actions, 2, output + ".err", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        var allDefault = sigset_t()
        sigfillset(&allDefault)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setsigdefault(&attributes, &allDefault)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        // `env -C` changes the folder and becomes the program: the process ID stays.
        let env = "/usr/bin/env"
        var variables = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "HOME": folder.path,
        ]
        variables.merge(environment) { $1 }
        let arguments =
            ([env, "-C", folder.path, executable] + arguments).map { strdup($0) } + [nil]
        let environment = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, env, &actions, &attributes, arguments, environment)
        guard error == 0 else { throw POSIXError(POSIXErrorCode(rawValue: error) ?? .ENOENT) }
        return Running(pid: pid, folder: folder, output: output)
    }

    /// Runs `runner` to its end.
    @discardableResult
    func runner(_ arguments: String...) async throws -> Result {
        try await start("runner", arguments).wait()
    }
}
