import Foundation
import TestServer
import TestSupport
import Testing

/// The output folders of queues that are split and merged, whatever their last run has left there.
@Suite(.serialized) struct ShardOutputTests {
    private let program = Program()
    private static let pattern = "shards/*/runner.db"
    private static let file = "shards/0/out/responses-00001.jsonl"

    private func split(_ jobs: Int, _ origin: Origin) async throws {
        try await program.runner(
            "enqueue", "--range", "0..\(jobs)", "--url", "\(origin.url)/delay/30/{id}"
        ).expectSuccess()
        try await program.runner("split", "--into", "2", "--dir", "shards").expectSuccess()
    }

    private func run(_ queue: String, _ output: String, _ more: String...) async throws {
        let result = try await program.start(
            "runner", ["run", "--queue", queue, "--output", output, "-q", "-w", "20"] + more
        ).wait()
        #expect(result.status == 0, "\(result.err)")
    }

    private func lines(of file: String) -> [Substring] {
        String(decoding: contents(of: program.folder.file(file)), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: true)
    }

    private func isThere(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: program.folder.file(name))
    }

    /// Such a run gives its lease back, and leaves records that do not count, in a file that may have
    /// none that do.
    @Test(.timeLimit(.minutes(1)), arguments: [1, 3])
    func aShardWhoseRunEndedOnAFullDisk_isCutWhenItIsMerged(sync: Int) async throws {
        let origin = try await Origin.start()
        try await split(100, origin)
        let full = try await program.start(
            injecting: ["fdatasync:error=ENOSPC:when=\(sync)"],
            paths: [program.folder.file(Self.file)],
            [
                "run", "--queue", "shards/0/runner.db", "--output", "shards/0/out", "-q", "-w",
                "4",
            ]
        ).wait(seconds: 60)
        #expect(full.status == 12, "\(full.err)")
        let done = try await program.jobs(queue: "shards/0/runner.db")["completed"] ?? 0
        #expect(lines(of: Self.file).count > done && (sync == 1) == (done == 0))
        try await program.runner("merge", "--queue", "all.db", Self.pattern).expectSuccess()
        #expect(lines(of: Self.file).count == done)
        #expect(isThere(Self.file) == (done > 0))
        try await run("all.db", "rest")
        let verified = try await program.runner("verify", "--queue", "all.db", "--json")
        #expect(verified.status == 0, "\(verified.out)")
        #expect(try verified.json["records"] as? Int == 100)
        await origin.stop()
    }

    /// It is to be cut, so it must be there.
    @Test(.timeLimit(.minutes(1)))
    func aShardWithoutItsOpenOutput_isNotMerged() async throws {
        let origin = try await Origin.start()
        try await split(20, origin)
        try await run("shards/1/runner.db", "shards/1/out")
        let (folder, away) = (program.folder.file("shards/1/out"), program.folder.file("away"))
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        let refused = try await program.runner("merge", "--queue", "all.db", Self.pattern)
        refused.expectRefusal(3, "shards/1/out is gone", "put it back")
        #expect(!refused.err.contains("--output") && !isThere("all.db"))
        try FileManager.default.moveItem(atPath: away, toPath: folder)
        try await program.runner("merge", "--queue", "all.db", Self.pattern).expectSuccess()
        // Closed, it may be elsewhere when the shards are merged once more.
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        try await program.runner("merge", "--queue", "more.db", Self.pattern).expectSuccess()
        await origin.stop()
    }
}
