import StoreConformance
import TestPostgres
import Testing

@testable import JobStore
@testable import PostgresStore

/// Runners on other machines, of which nothing is known but their heartbeat.
@Suite struct LeaseTests {
    @Test func aSilentRunner_isTakenOver_andOneThatIsHeardOfIsNot() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        let silent = StoreClient(to: try PostgresQueue(url: url, access: .create))
        _ = try await silent.enqueue(
            JobRange(first: 0, count: 3 * Segment.countMax), request: request)
        let alive = StoreClient(to: try PostgresQueue(url: url, access: .write))
        let queue = try PostgresQueue(url: url, access: .write)
        await queue.shortenLease(toMicros: 700_000)
        let watcher = StoreClient(to: queue)
        for client in [silent, alive, watcher] {
            try await client.attach(RunnerDescription(pid: 1, workers: 1))
        }
        for client in [silent, alive, watcher] {
            #expect(try await client.claim(jobs: 1).count == 1)
        }
        try await queue.forgetLocks()
        await silent.close()

        let begin = ContinuousClock.now
        var found: [Segment] = []
        while found.isEmpty, ContinuousClock.now - begin < .seconds(20) {
            try await alive.renew(Heartbeat(requestsPerSecond: 1))
            found = try await watcher.claim(jobs: 1)
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(found.map(\.todo) == [[0..<Segment.countMax]])
        #expect(ContinuousClock.now - begin >= .milliseconds(600))
        try await alive.renew(Heartbeat(requestsPerSecond: 1))
        #expect(try await watcher.counts().runs.count == 2)
        #expect(try await watcher.verify() == [])
        await alive.close()
        await watcher.close()
    }
}

extension PostgresQueue {
    fileprivate func shortenLease(toMicros micros: Int) { watch.leaseMicros = micros }

    /// Removes the files of all runners' locks, as if each were on a machine of its own.
    fileprivate func forgetLocks() throws {
        let rows = try link.query("SELECT instance FROM runner.runner")
        for row in 0..<rows.count { RunnerLock.clear(instance: rows.text(row, 0)) }
    }
}
