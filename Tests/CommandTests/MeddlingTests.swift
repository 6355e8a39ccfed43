import Foundation
import TestSupport
import Testing

/// What people do to the files of a queue while it is in use: nothing is lost in silence.
@Suite(.serialized) struct MeddlingTests {
    private let program = Program()

    /// A run in the middle of its work.
    private func startRun(_ origin: TestOrigin) async throws -> Program.Running {
        try await program.runner(
            "enqueue", "--range", "0..3000", "--url", "\(origin.url)/delay/20/{id}"
        )
        .expectSuccess()
        let run = try program.start("runner", ["run", "-q", "--workers", "20"])
        try await run.wait { try await program.jobs()["completed"] ?? 0 > 0 }
        return run
    }

    @Test(arguments: ["mv runner.db elsewhere.db", "rm runner.db"])
    func aQueueThatIsMovedOrRemoved_stopsItsRun(command: String) async throws {
        let origin = try await TestOrigin()
        let run = try await startRun(origin)
        _ = try await program.shell(command, [])
        let result = await run.wait(seconds: 20)
        result.expectRefusal(3, "was moved or removed while in use; put it back")
    }

    @Test func aLockFileThatIsRemoved_stopsTheRun_beforeAnotherCanWrite() async throws {
        let origin = try await TestOrigin()
        let run = try await startRun(origin)
        try FileManager.default.removeItem(atPath: program.folder.file("runner.db-lock"))
        let result = await run.wait(seconds: 20)
        result.expectRefusal(3, "lock", "removed or replaced", "run again")
        try await program.runner("run", "-q", "--workers", "200").expectSuccess()
        #expect(try origin.missing(of: 3000) == 0)
    }

    @Test func aQueueThatSomeoneElseKeepsLocked_isWaitedFor_andNothingIsFetchedAgain() async throws
    {
        let origin = try await TestOrigin()
        let run = try await startRun(origin)
        // Longer than one patience of the lock.
        let hold = try program.start(
            "/bin/sh",
            [
                "-c",
                "(echo 'BEGIN IMMEDIATE;'; sleep 12; echo 'COMMIT;') | sqlite3 -cmd '.timeout 5000' runner.db",
            ])
        await hold.wait()
        let result = await run.wait(seconds: 60)
        #expect(result.status == 0, "\(result.err)")
        let hits = try origin.hits()
        #expect(hits.distinct == 3000 && hits.repeated == 0)
    }

    @Test func aReadOnlyFolder_canBeLookedInto() async throws {
        try await program.runner("enqueue", "--range", "0..7").expectSuccess()
        _ = try await program.shell("chmod 644 runner.db; chmod 555 .", [])
        let status = try await program.runnerUnprivileged(["status"])
        let export = try await program.runnerUnprivileged(["export"])
        _ = try await program.shell("chmod 755 .", [])
        status.expectSuccess()
        #expect(status.out.contains("available                  7"))
        export.expectSuccess()
        #expect(export.out.split(separator: "\n").count == 8)
    }

    @Test func aStderrThatNobodyReads_keepsNoRunFromStopping() async throws {
        let origin = try await TestOrigin()
        try await program.runner(
            "enqueue", "--range", "0..3000", "--url", "\(origin.url)/delay/20/{id}"
        )
        .expectSuccess()
        // A pipe with no room left: 64 KB are in it before the run begins.
        let run = try program.start(
            "/bin/sh",
            [
                "-c",
                """
                mkfifo pipe; sleep 60 <pipe & exec 2>pipe
                dd if=/dev/zero bs=65536 count=1 >&2 2>/dev/null
                exec "$0" run --workers 20
                """, Program.products + "/runner",
            ])
        try await run.wait { try origin.hits().requests > 100 }
        run.kill(SIGTERM)
        let result = await run.wait(seconds: 20)
        #expect(result.status == 11)
        #expect(try await program.jobs()["running"] == 0)
    }

    @Test func certificatesThatCannotBeRead_failNoJob() async throws {
        let origin = try await TestOrigin()
        write(Array("no certificate".utf8), to: program.folder.file("junk.pem"))
        try await program.runner(
            "enqueue", "--range", "0..100", "--url", "https://127.0.0.1:\(origin.port)/{id}"
        )
        .expectSuccess()
        let result = try await program.runner("run", "--cacert", "junk.pem", "--max-stall", "1")
        #expect(result.status == 12, "\(result.out) \(result.err)")
        #expect(try await program.jobs()["failed"] == 0)
    }
}
