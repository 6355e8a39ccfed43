import Foundation
import TestSupport
import Testing

/// A queue and its output as the version before left them: schema 3, four formats one after another,
/// each run killed with `kill -9`, so that the queue's log is not written back and files go on
/// behind what counts.
///
/// Made with 1,203 jobs, of which some are answered with 404, some with 503 and a retry, by
///
///     timeout -s KILL 0.9 runner run -w 6 -o out --format FORMAT --retries 50 --output-failures
@Suite struct UpgradeTests {
    private let program = Program()

    private func unpack() async throws {
        let archive = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/schema-3.tar.gz").standardized.path
        let result = try await program.start("/bin/tar", ["-xzf", archive]).wait()
        #expect(result.status == 0, "\(result.err)")
    }

    private let before = [
        "total": 1203, "available": 407, "running": 0, "retrying": 43, "completed": 692,
        "failed": 61, "cancelled": 0,
    ]

    @Test func aQueueOfTheVersionBefore_isReadAsItIs() async throws {
        try await unpack()
        #expect(try await program.jobs() == before)
        let verified = try await program.start("runner", ["verify"]).wait()
        #expect(verified.status == 0, "\(verified.out)\(verified.err)")
        #expect(verified.out.contains("753 records in 4 files"))
        let version = try await program.start(
            "/usr/bin/sqlite3", ["-readonly", "runner.db", "PRAGMA user_version"]
        ).wait()
        #expect(version.out == "3\n", "whoever looks changes nothing")
        let rows = try await program.start("runner", ["export", "--state", "failed"]).wait()
        #expect(rows.out.split(separator: "\n").count == 62)
    }

    @Test(arguments: ["jsonl", "jsonl.gz", "warc", "files"])
    func aQueueOfTheVersionBefore_isFinished(format: String) async throws {
        try await unpack()
        let origin = try await TestOrigin()
        // What waits for a retry waits up to a minute, and the origin is another one.
        try await program.sqlite(
            "runner.db", "UPDATE retry SET not_before_us = 0",
            "UPDATE batch SET url = replace(url, '127.0.0.1:18999', '127.0.0.1:\(origin.port)')")
        let result = try await program.start("runner", ["run", "--format", format]).wait()
        #expect(result.status == 1, "\(result.err)")
        #expect(
            try await program.jobs() == [
                "total": 1203, "available": 0, "running": 0, "retrying": 0, "completed": 1142,
                "failed": 61, "cancelled": 0,
            ])
        let verified = try await program.start("runner", ["verify"]).wait()
        #expect(verified.status == 0, "\(verified.out)\(verified.err)")
        #expect(verified.out.contains("1,203 records in"))
        // Nothing that was done is fetched again: 450 jobs were left.
        #expect(try origin.hits().requests == 450)
    }
}
