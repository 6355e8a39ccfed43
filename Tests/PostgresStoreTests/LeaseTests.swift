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

    /// Others leave it alone, too, before they are told so themselves.
    @Test func aHostThatAskedOneRunner_isToldToTheOthers() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let first = try PostgresQueue(url: url, access: .create)
        let second = try PostgresQueue(url: url, access: .write)
        let asked = try await first.attach(RunnerDescription(pid: 1, workers: 1))
        let other = try await second.attach(RunnerDescription(pid: 2, workers: 1))
        #expect(try await other.hostsHeldOfLate().isEmpty)
        let hosts = [
            HostPace(host: "http://a", wait: .seconds(60), requestsPerSecond: 5),
            HostPace(host: "http://slow", wait: .zero, requestsPerSecond: 5),
            .ofRun(wait: .seconds(60)),
        ]
        try await asked.renew(Heartbeat(requestsPerSecond: 1, hosts: hosts))
        let told = try await other.hostsHeldOfLate()
        #expect(told.map(\.host) == ["http://a"])
        let wait = try #require(told.first?.wait)
        #expect(wait > .seconds(50) && wait <= .seconds(60))
        try await asked.renew(
            Heartbeat(
                requestsPerSecond: 1,
                hosts: [HostPace(host: "http://a", wait: .zero, requestsPerSecond: 5)]))
        #expect(try await other.hostsHeldOfLate().isEmpty)
        try await asked.detach()
        try await other.detach()
    }

    /// A runner counts on half a lease from its last commit on, as of when that was sent.
    @Test func aRunner_thatWasHeardOf_isNotTakenOver_byWhoSawItSilent() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let queue = try PostgresQueue(url: url, access: .create)
        let before = ContinuousClock.now
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let runner = try #require(lease as? PostgresLease).runner
        let first = try #require(lease.heldUntil)
        #expect(first >= before + .seconds(15) && first <= .now + .seconds(15))
        let beat = try await queue.lastBeat(of: runner)
        let sent = ContinuousClock.now
        try await lease.renew(Heartbeat(requestsPerSecond: 1))
        let second = try #require(lease.heldUntil)
        #expect(second >= sent + .seconds(15) && second <= .now + .seconds(15))
        // Between the look and the takeover, it said something.
        #expect(try await queue.takeOver(runner, silentSince: beat) == nil)
        let other = try PostgresQueue(url: url, access: .write)
        #expect(
            try await other.takeOver(runner, silentSince: try await queue.lastBeat(of: runner))
                != nil)
        await #expect(throws: QueueError.self) {
            try await lease.renew(Heartbeat(requestsPerSecond: 1))
        }
        #expect(lease.heldUntil == second)
        await other.close()
        await queue.close()
    }
}

extension PostgresQueue {
    fileprivate func lastBeat(of runner: Int) throws -> Int {
        try link.query(
            """
            SELECT greatest(beat_us, (SELECT max(at_us) FROM runner.log WHERE runner_id = $1))
            FROM runner.runner WHERE id = $1
            """, .int(runner)
        ).int(0, 0)
    }

    fileprivate func shortenLease(toMicros micros: Int) { watch.leaseMicros = micros }

    /// Removes the files of all runners' locks, as if each were on a machine of its own.
    fileprivate func forgetLocks() throws {
        let rows = try link.query("SELECT instance FROM runner.runner")
        for row in 0..<rows.count { RunnerLock.clear(instance: rows.text(row, 0)) }
    }
}
