import Foundation
import TestSupport
import Testing

/// `runner enqueue` killed before each system call that changes files: all of the batch is queued
/// or none, and the queue works on.
///
/// strace counts the calls of a thread that touch a path, so each kind of call is struck on each
/// file alone, at the first, the eighth, the 16th, the 32nd, … until a run is unhurt.
/// `RUNNER_TEST_SYSCALL_STEP=1` strikes at each of them.
@Suite struct EnqueueKillTests {
    /// A kind of call on one file; the folder's own name is "".
    struct Call: CustomStringConvertible {
        let name: String
        let file: String

        var description: String { "\(name) \(file)" }

        static func calls(_ kinds: [String: [String]]) -> [Call] {
            kinds.flatMap { file, names in names.map { Call(name: $0, file: file) } }
        }
    }

    private static let step = setting("RUNNER_TEST_SYSCALL_STEP", default: 0)
    private static let onAnyQueue = Call.calls([
        "runner.db-lock": ["openat"],
        "runner.db": ["openat", "pwrite64", "fdatasync", "ftruncate"],
        "runner.db-wal": ["openat", "pwrite64", "fdatasync", "unlink"],
        "runner.db-shm": ["openat", "pwrite64", "ftruncate", "unlink"],
        "": ["openat", "fdatasync"],
        "report": ["write"],
    ])
    private static let onANewQueue = Call.calls([
        ".runner.db-draft": ["openat", "pwrite64", "fdatasync", "unlink", "rename"],
        ".runner.db-draft-journal": ["openat", "pwrite64", "fdatasync", "unlink"],
        "": ["fsync"],
    ])

    @Test func enqueue_makesAWholeQueueOrNone_whereverItIsKilled() async throws {
        try await kill(at: Self.onAnyQueue + Self.onANewQueue, in: [:])
    }

    @Test func enqueue_addsAWholeBatchOrNone_whereverItIsKilled() async throws {
        let program = Program()
        try await program.runner("enqueue", "--range", "0..100").expectSuccess()
        try await kill(at: Self.onAnyQueue, in: program.files())
    }

    /// Kills an `enqueue` in a folder with these files, at each of the calls in turn.
    private func kill(at calls: [Call], in files: [String: [UInt8]]) async throws {
        let before = files.isEmpty ? 0 : 100
        for call in calls {
            var number = 1
            while true {
                let program = Program()
                for (name, bytes) in files { write(bytes, to: program.folder.file(name)) }
                let result = try await enqueue(program, struckAt: call, number)
                guard result.signal == SIGKILL || result.status == 128 + SIGKILL else {
                    #expect(result.status == 0, "\(call) \(number): \(result.err)")
                    break
                }
                try await expectAllOrNone(program, before: before, batch: 5, "\(call) \(number)")
                number += Self.step > 0 ? Self.step : max(7, number)
            }
            // A kind of call that is made no more would test nothing.
            #expect(number > 1, "\(call) is never made")
        }
    }

    private func enqueue(_ program: Program, struckAt call: Call, _ number: Int) async throws
        -> Program.Result
    {
        let path = program.folder.path + (call.file.isEmpty ? "" : "/\(call.file)")
        let strace = [
            "/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-P", path,
            "-e", "trace=\(call.name)", "-e", "inject=\(call.name):signal=KILL:when=\(number)",
        ]
        let command = ["enqueue", "--range", "0..5", "--queue", program.folder.file("runner.db")]
        // The shell stays out of what is traced; its redirection gives the report a known name.
        let script = "report=$1; shift; exec \"$@\" >\"$report\""
        return try await program.start(
            "/bin/sh",
            ["-c", script, "sh", program.folder.file("report")] + strace
                + [Program.products + "/runner"] + command
        ).wait()
    }

    private func expectAllOrNone(
        _ program: Program, before: Int, batch: Int, _ place: String
    ) async throws {
        var total = 0
        let status = try await program.runner("status", "--json")
        if status.status == 0 {
            let jobs = try #require(try status.json["jobs"] as? [String: Int])
            total = jobs["total"] ?? -1
            #expect(jobs["available"] == total, "killed at \(place)")
        } else {
            status.expectRefusal(3, "there is no queue")
        }
        #expect(total == before || total == before + batch, "killed at \(place): \(total) jobs")
        // A report that was printed is kept.
        if !contents(of: program.folder.file("report")).isEmpty {
            #expect(total == before + batch, "killed at \(place)")
        }

        try await program.runner("enqueue", "--range", "0..7").expectSuccess()
        #expect(try await program.jobs()["total"] == total + 7, "killed at \(place)")
    }
}
