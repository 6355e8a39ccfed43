import StoreConformance
import TestPostgres
import Testing

@testable import JobStore
@testable import PostgresStore

/// Segments that are cut in parts, and pieces that are taken in parts.
@Suite struct PartTests {
    private let ok = Outcome(.completed, status: 200)
    private let retried = Outcome(.retrying, status: 503)
    private let beat = Heartbeat(requestsPerSecond: 1)

    private func mark(_ position: Int, _ outcome: Outcome, attempt: Int = 1) -> Mark {
        Mark(batchID: 1, position: position, attempt: attempt, outcome: outcome)
    }

    /// What is set aside goes without the retries, which stay with their runner; each part has the
    /// lines of its jobs.
    @Test(arguments: [false, true])
    func aSegmentSetAside_leavesItsRetries(isKilled: Bool) async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let client = StoreClient(to: try PostgresQueue(url: url, access: .create))
        let list = try await client.queue.addList(lineRequest, lineFields)
        try await list.add([block(0..<20, lane: 3)])
        _ = try await list.finish(as: BatchLabel())
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(try await client.claim(jobs: 20).count == 1)
        // 4 and 5 wait, 9 is being tried, 12 waits; 0 and 13 are done.
        try await client.commit(
            [4, 5, 9, 12].map { mark($0, retried) } + [0, 13].map { mark($0, ok) },
            heartbeat: beat)
        let retries = try await client.lease.claimRetries(limit: 1).jobs
        #expect(retries.count == 1)
        try await client.lease.park([LedgerPlace(batchID: 1, position: 0)], for: .milliseconds(1))
        #expect(try await client.verify() == [])
        let counts = try await client.counts()
        #expect(counts.available == 14 && counts.retrying == 3 && counts.running == 1)
        let other = StoreClient(to: try PostgresQueue(url: url, access: .write))
        try await other.attach(RunnerDescription(pid: 2, workers: 1))
        // Its lane is the first runner's still.
        #expect(try await other.claim(jobs: 20).isEmpty)
        var expected = Set(0..<20).subtracting([0, 4, 5, 9, 12, 13])
        if isKilled {
            await client.close()
        } else {
            let ends = [retries[0]] + (try await client.lease.claimRetries(limit: 9).jobs)
            #expect(ends.count == 4)
            try await client.commit(
                ends.map { mark($0.position, ok, attempt: 2) }, heartbeat: beat)
            try await client.detach()
        }
        var claimed: [Int] = []
        let end = ContinuousClock.now + .seconds(30)
        while claimed.count < 14, ContinuousClock.now < end {
            for segment in try await other.claim(jobs: 20) {
                let lines = try #require(segment.block)
                for position in segment.todo.joined() {
                    let fields = try #require(lines.lines()).fields(
                        ofLine: position - lines.first)
                    #expect(String(decoding: fields[0] ?? [], as: UTF8.self) == "line \(position)")
                    claimed.append(position)
                }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(claimed.sorted() == expected.sorted())
        try await other.commit(claimed.map { mark($0, ok) }, heartbeat: beat)
        if isKilled {
            let left = try await other.lease.claimRetries(limit: 9).jobs
            #expect(left.map(\.position).sorted() == [4, 5, 9, 12])
            try await other.commit(
                left.map { mark($0.position, ok, attempt: 2) }, heartbeat: beat)
        }
        expected = Set(0..<20)
        #expect(try await other.counts().completed == expected.count)
        #expect(try await other.verify() == [])
        await client.close()
        await other.close()
    }

    /// Millions of jobs that failed alike are one piece, and are put back in several transactions.
    @Test func aLongPiece_isPutBackInParts() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let client = StoreClient(to: try PostgresQueue(url: url, access: .create))
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        let count = 3_000_000
        _ = try await client.enqueue(JobRange(first: 0, count: count), request: request)
        try PostgresServer.shared.execute("UPDATE runner.span SET outcome = 2", at: url)
        for table in ["tally (batch_id,", "total ("] {
            let batch = table.hasPrefix("tally") ? "1, " : ""
            try PostgresServer.shared.execute(
                """
                INSERT INTO runner.\(table) outcome, runner_id, count)
                VALUES (\(batch)2, 0, \(count))
                """, at: url)
        }
        #expect(try await client.counts().failed == count)
        var wish = FailedJobs()
        wish.ids = 5..<2_999_999
        #expect(try await client.queue.putBack(wish) == 2_999_994)
        #expect(try await client.counts().available == 2_999_994)
        #expect(try await client.verify() == [])
        await client.close()
    }
}
