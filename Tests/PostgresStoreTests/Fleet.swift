import StoreConformance
import Synchronization
import TestPostgres
import TestSupport
import Testing

@testable import JobStore
@testable import PostgresStore

/// Runners on one queue, and what is done to them.
final class Fleet: Sendable {
    private let seed: UInt64
    private let url: String
    /// The URL past any pooler.
    private let directURL: String
    private let state = Mutex(State())

    private struct State {
        /// The times that a final mark of a job was confirmed.
        var confirmed: [Int: Int] = [:]
        var deaths = 0
        var breaks = 0
        var putBack = 0
        var isOver = false
    }

    init(seed: UInt64, url: String, directURL: String) {
        self.seed = seed
        self.url = url
        self.directURL = directURL
    }

    var deaths: Int { state.withLock(\.deaths) }
    var breaks: Int { state.withLock(\.breaks) }
    /// The jobs that were put back.
    var putBackCount: Int { state.withLock(\.putBack) }
    static let count = setting("RUNNER_TEST_JOBS", default: 60_000)

    /// - Parameter isListed: Whether the jobs are of a list, with some in each of many lanes.
    func enqueue(_ count: Int, isListed: Bool) async throws {
        let queue = StoreClient(to: try PostgresQueue(url: url, access: .create))
        if isListed {
            var random = SeededGenerator(seed: seed &+ 4000)
            let list = try await queue.queue.addList(lineRequest, lineFields)
            var end = 0
            while end < count {
                let first = end
                end = min(count, end + Int.random(in: 1...2000, using: &random))
                try await list.add(
                    [block(first..<end, lane: Int.random(in: 0..<40, using: &random))])
            }
            _ = try await list.finish(as: BatchLabel())
        } else {
            let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
            _ = try await queue.enqueue(JobRange(first: 0, count: count), request: request)
        }
        await queue.close()
    }

    /// Works as runners do that die now and then, until the queue is finished.
    func work(_ number: Int) async throws {
        var random = SeededGenerator(seed: seed &+ UInt64(number))
        // Whatever ends it: the others have no end of their own.
        defer { state.withLock { $0.isOver = true } }
        while try await !live(&random) { state.withLock { $0.deaths += 1 } }
    }

    /// Breaks connections, and crashes the server once, until the queue is finished.
    func disturb() async throws {
        var random = SeededGenerator(seed: seed &+ 1000)
        while !state.withLock(\.isOver) {
            let shared = try PostgresServer.shared.execute(
                """
                SELECT count(*) FROM (SELECT FROM runner.segment
                    WHERE runner_id <> 0 AND lane IS NOT NULL AND todo > returned
                    GROUP BY batch_id, lane HAVING count(DISTINCT runner_id) > 1) s
                """, at: directURL)
            #expect(shared == "0", "lanes of several runners, seed \(seed)")
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...200, using: &random)))
            let count = state.withLock { state in
                state.breaks += 1
                return state.breaks
            }
            if try count == 4 && PostgresServer.shared.isOwn {
                try PostgresServer.shared.crash()
            } else {
                try PostgresServer.shared.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname LIKE 'runner_test%' AND pid <> pg_backend_pid()
                        AND random() < 0.5
                    """)
            }
        }
    }

    /// One life of a runner.
    ///
    /// - Returns: Whether the queue is finished.
    private func live(_ random: inout SeededGenerator) async throws -> Bool {
        let client: StoreClient
        do {
            client = StoreClient(to: try PostgresQueue(url: url, access: .write))
        } catch { return false }
        var isFinished = false
        do { isFinished = try await work(client, &random) } catch let error as QueueError {
            await client.close()
            // Taken over: the connection was gone while the server was.
            guard error.code == .fenced else { throw error }
            return false
        }
        await client.close()  // without a word, unless it is finished
        return isFinished
    }

    private func work(
        _ client: StoreClient, _ random: inout SeededGenerator
    ) async throws -> Bool {
        var (held, attempts): ([Int], [Int: Int]) = ([], [:])
        try await patiently { try await client.attach(RunnerDescription(pid: 1, workers: 9)) }
        for _ in 0..<Int.random(in: 10...60, using: &random) {
            if held.count < 300 {
                let claim = try await patiently { try await client.lease.claim(jobs: 3000) }
                let retries = try await patiently {
                    try await client.lease.claimRetries(limit: 500)
                }
                for position in claim.segments.flatMap({ $0.todo.joined() }) {
                    held.append(position)
                    attempts[position] = nil
                }
                for job in retries.jobs {
                    held.append(job.position)
                    attempts[job.position] = job.attempts
                }
                held.shuffle(using: &random)
                if held.isEmpty, claim.next == .finished, retries.nextDue == nil {
                    try await patiently { try await client.detach() }
                    return true
                }
            }
            let done = held.suffix(Int.random(in: 0...400, using: &random))
            held.removeLast(done.count)
            let marks = done.map { position in
                let outcome =
                    switch Int.random(in: 0..<16, using: &random) {
                    case 0, 1: Outcome(.retrying, status: 503)
                    case 2: Outcome(.failed, status: 404)
                    default: Outcome(.completed, status: position % 3 == 0 ? 204 : 200)
                    }
                return Mark(
                    batchID: 1, position: position, attempt: (attempts[position] ?? 0) + 1,
                    outcome: outcome, wait: .milliseconds(5))
            }
            try await patiently {
                try await client.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
            }
            state.withLock { state in
                for mark in marks where mark.outcome.state == .completed {
                    state.confirmed[mark.position, default: 0] += 1
                }
            }
        }
        return false
    }

    /// Puts failed jobs back all the time, until the queue is finished once.
    func putBack() async throws {
        var random = SeededGenerator(seed: seed &+ 2000)
        while !state.withLock(\.isOver) {
            try await putBackOnce()
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...200, using: &random)))
        }
    }

    private func putBackOnce() async throws {
        try await patiently {
            let queue = try PostgresQueue(url: url, access: .write)
            do {
                let count = try await queue.putBack(FailedJobs())
                state.withLock { $0.putBack += count }
            } catch {
                await queue.close()
                throw error
            }
            await queue.close()
        }
    }

    /// Works on what was put back last, in peace.
    func finishRest() async throws {
        var random = SeededGenerator(seed: seed &+ 3000)
        for _ in 0..<100 {
            try await putBackOnce()
            while try await !live(&random) {}
            let queue = try PostgresQueue(url: url, access: .read)
            let isOver = try await queue.counts().completed == Self.count
            await queue.close()
            if isOver { return }
        }
    }

    /// Calls again while the server cannot be reached, as a run does, for a minute: a server that
    /// crashed brings all files of its databases to the disk before it answers.
    @discardableResult
    private func patiently<Result>(_ body: () async throws -> Result) async throws -> Result {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            do { return try await body() } catch let error as QueueError {
                guard error.code == .busy || error.code == .unreachable else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        return try await body()
    }

    func expectEachOnce() async throws {
        let queue = try PostgresQueue(url: url, access: .write)
        let counts = try await queue.counts()
        let confirmed = state.withLock(\.confirmed)
        #expect(counts.completed == Self.count && counts.left == 0, "seed \(seed)")
        #expect(confirmed.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(
            confirmed.count <= Self.count && confirmed.count > Self.count * 9 / 10, "seed \(seed)")
        #expect(try await queue.verify() == [], "seed \(seed)")
        await queue.close()
    }
}

extension StoreClient {
    /// A runner of a new queue of so many jobs of a range.
    static func attached(toNew url: String, jobs: Int) async throws -> StoreClient {
        let client = StoreClient(to: try PostgresQueue(url: url, access: .create))
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        _ = try await client.enqueue(JobRange(first: 0, count: jobs), request: request)
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        return client
    }
}
