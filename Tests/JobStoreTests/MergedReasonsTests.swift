import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// What handlers have named in shards, once these are one queue.
@Suite struct MergedReasonsTests {
    private let folder = Folder()

    /// Does the jobs of a shard: each in turn has the next one of its outcomes.
    private func drain(_ path: String, _ outcomes: [Outcome]) async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        while case let segments = try await queue.claim(jobs: 8192), !segments.isEmpty {
            let marks = segments.flatMap { segment in
                segment.todo.joined().map {
                    Mark(
                        batchID: segment.batch.id, position: $0, attempt: 1,
                        outcome: outcomes[$0 % outcomes.count])
                }
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        try await queue.detach()
        await queue.close()
    }

    /// Names beyond those that a queue keeps apart count as one, and take the place of nothing else.
    @Test func namesBeyondTheBound_countTogether_andStatusesStay() async throws {
        let perShard = 17 * 40
        let queue = try SQLiteQueue(path: folder.file("big.db"), access: .create)
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 20 * perShard),
            request: try RequestTemplate(parsing: "http://127.0.0.1/{id}"))
        _ = try await queue.split(into: 20, folder: folder.file("shards")) { $0.folder }
        await queue.close()
        let paths = (0..<20).map { folder.file("shards/\($0)/runner.db") }
        for (number, path) in paths.enumerated() {
            let names = (0..<16).map { HandlerReason("shard-\(number)-\($0)") }
            // A status that no shard before has.
            try await drain(
                path,
                names.map { Outcome(.failed, .handler, named: $0) }
                    + [Outcome(.failed, status: UInt16(500 + number))])
        }
        let counts = try await QueueMerger(paths, to: folder.file("all.db")) { settings, _ in
            settings.folder
        } isClosed: { output, _ in
            output.files.allSatisfy(\.isSealed)
        }.run()
        #expect(counts.failed == 20 * perShard && counts.left == 0)
        let byLabel = Dictionary(uniqueKeysWithValues: counts.outcomes.map { ($0.label, $0.count) })
        let named = byLabel.filter { $0.key.hasPrefix("handler:") }
        #expect(named.count == HandlerReason.storedMax)
        #expect((0..<20).allSatisfy { byLabel["\(500 + $0)"] == 40 }, "\(byLabel)")
        #expect(byLabel["handler"] == 20 * 16 * 40 - named.values.reduce(0, +))
        let all = try SQLiteQueue(path: folder.file("all.db"), access: .write)
        #expect(try await all.verify() == [])
        await all.close()
    }
}
