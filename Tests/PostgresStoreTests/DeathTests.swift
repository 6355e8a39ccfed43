import StoreConformance
import Synchronization
import TestPostgres
import TestSupport
import Testing

@testable import JobStore
@testable import PostgresStore

/// Runners that die, runners that are taken for dead, and a server that breaks connections or
/// crashes: each job is counted once. Two controls take a part of the fence away, and are caught.
@Suite struct DeathTests {
    /// - Parameter isPooled: Whether PgBouncer stands between.
    @Test(arguments: [false, true])
    func jobsAreCountedOnce_whateverDies(isPooled: Bool) async throws {
        let seed = testSeed(for: "jobsAreCountedOnce_whateverDies")
        let database = PostgresServer.shared.makeDatabase()
        let url = isPooled ? try #require(database.pooledURL) : database.url
        let fleet = Fleet(seed: seed, url: url)
        try await fleet.enqueue(200_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 { group.addTask { try await fleet.work(number) } }
            group.addTask { try await fleet.disturb() }
            try await group.waitForAll()
        }
        try await fleet.expectEachOnce()
        #expect(fleet.deaths > 3 && fleet.breaks > 3, "seed \(seed)")
    }

    /// A runner that was taken over while it lived commits nothing more.
    @Test func aZombie_isFenced() async throws {
        let url = PostgresServer.shared.makeDatabase().url
        let (faults, isFenced) = try await zombie(at: url)
        #expect(isFenced && faults == [])
    }

    /// The same with the fence taken away: the runner's row comes back.
    @Test func control_aZombieWithoutTheFence_isCaught() async throws {
        let url = PostgresServer.shared.makeDatabase().url
        await (try PostgresQueue(url: url, access: .create)).close()
        PostgresServer.shared.execute(
            """
            CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO runner.runner OVERRIDING SYSTEM VALUE SELECT (OLD).*;
                RETURN OLD; END $$
            """,
            "CREATE TRIGGER keep AFTER DELETE ON runner.runner FOR EACH ROW EXECUTE FUNCTION public.keep()",
            at: url)
        let (faults, isFenced) = try await zombie(at: url)
        #expect(!isFenced && faults != [])
    }

    private func zombie(at url: String) async throws -> (faults: [String], isFenced: Bool) {
        let zombie = StoreClient(to: try PostgresQueue(url: url, access: .create))
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        _ = try await zombie.enqueue(JobRange(first: 0, count: 5000), request: request)
        try await zombie.attach(RunnerDescription(pid: 1, workers: 1))
        let segment = try await zombie.claim(jobs: 1)[0]
        let other = try PostgresQueue(url: url, access: .write)
        let runner = try #require(try await other.counts().runs.first)
        try await other.takeOver(runner.id)
        let next = StoreClient(to: other)
        try await next.attach(RunnerDescription(pid: 2, workers: 1))
        let mark = Mark(
            batchID: 1, position: segment.todo[0].lowerBound, attempt: 1,
            outcome: Outcome(.completed, status: 200))
        _ = try await next.claim(jobs: 1)
        try await next.commit([mark], heartbeat: Heartbeat(requestsPerSecond: 1))
        var isFenced = false
        do {
            try await zombie.commit([mark], heartbeat: Heartbeat(requestsPerSecond: 1))
        } catch let error as QueueError { isFenced = error.code == .fenced }
        let faults = try await next.verify()
        await zombie.close()
        await next.close()
        return (faults, isFenced)
    }

    /// Jobs that are put back beside retries that wait are cut out of what their runner holds, which
    /// its log tells of still.
    @Test(arguments: [false, true], [false, true])
    func jobsCutOut_areCountedOnce(isFolded: Bool, isKilled: Bool) async throws {
        let url = PostgresServer.shared.makeDatabase().url
        let client = StoreClient(to: try PostgresQueue(url: url, access: .create))
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        _ = try await client.enqueue(JobRange(first: 0, count: 20), request: request)
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        _ = try await client.claim(jobs: 1)
        let outcomes = [
            Outcome(.failed, status: 404), Outcome(.retrying, status: 503),
            Outcome(.completed, status: 200), Outcome(.failed, status: 404),
        ]
        let marks = (0..<20).map {
            Mark(batchID: 1, position: $0, attempt: 1, outcome: outcomes[$0 % 4])
        }
        let beat = Heartbeat(requestsPerSecond: 1)
        try await client.commit(Array(marks[..<12]), heartbeat: beat)
        if isFolded { for _ in 0..<64 { try await client.renew(beat) } }
        try await client.commit(Array(marks[12...]), heartbeat: beat)
        let other = StoreClient(to: try PostgresQueue(url: url, access: .write))
        #expect(try await other.queue.putBack(FailedJobs()) == 10)
        #expect(try await other.verify() == [])
        #expect(try await other.counts().available == 10)
        if !isKilled {
            #expect(try await client.lease.claimRetries(limit: 99).jobs.count == 5)
            #expect(try await client.verify() == [])
            let ends = (0..<20).filter { $0 % 4 == 1 }.map {
                Mark(batchID: 1, position: $0, attempt: 2, outcome: outcomes[2])
            }
            try await client.commit(ends, heartbeat: beat)
            #expect(try await client.verify() == [])
            #expect(try await client.counts().completed == 10)
        }
        await client.close()
        try await other.attach(RunnerDescription(pid: 2, workers: 1))
        #expect(try await other.verify() == [])
        #expect(try await other.counts().available == 10)
        let claimed = try await other.claim(jobs: 20).flatMap { $0.todo.joined() }
        #expect(claimed.count == 10)
        await other.close()
    }

    /// A commit whose answer was lost, and which is sent again.
    @Test func aCommitThatIsSentTwice_countsOnce() async throws {
        let url = PostgresServer.shared.makeDatabase().url
        #expect(try await commitTwice(at: url) == [])
    }

    /// The same with the number of a commit taken away: each row of the log gets a new one.
    @Test func control_aCommitWithoutItsNumber_isCaught() async throws {
        let url = PostgresServer.shared.makeDatabase().url
        await (try PostgresQueue(url: url, access: .create)).close()
        PostgresServer.shared.execute(
            """
            CREATE FUNCTION public.renumber() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                SELECT coalesce(max(seq), 0) + 1 INTO NEW.seq FROM runner.log
                WHERE runner_id = NEW.runner_id;
                RETURN NEW; END $$
            """,
            "CREATE TRIGGER renumber BEFORE INSERT ON runner.log FOR EACH ROW EXECUTE FUNCTION public.renumber()",
            at: url)
        #expect(try await commitTwice(at: url) != [])
    }

    /// Sends a row of the log as a runner does that has not heard of it.
    private func commitTwice(at url: String) async throws -> [String] {
        let client = StoreClient(to: try PostgresQueue(url: url, access: .create))
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        _ = try await client.enqueue(JobRange(first: 0, count: 50), request: request)
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        _ = try await client.claim(jobs: 1)
        let marks = (0..<20).map {
            Mark(
                batchID: 1, position: $0, attempt: 1, outcome: Outcome(.completed, status: 200))
        }
        let lease = try #require(client.lease as? PostgresLease)
        try await lease.commit(marks, [], heartbeat: Heartbeat(requestsPerSecond: 1))
        try await lease.sendLastAgain()
        let faults = try await client.verify()
        await client.close()
        return faults
    }
}

extension PostgresLease {
    /// Sends the last row of the log as it was.
    fileprivate func sendLastAgain() throws {
        try link.query(
            """
            INSERT INTO runner.log SELECT * FROM runner.log WHERE runner_id = $1 AND seq = $2
            ON CONFLICT (runner_id, seq) DO NOTHING
            """, .int(runner), .int(seq))
    }
}

/// Runners on one queue, and what is done to them.
private final class Fleet: Sendable {
    private let seed: UInt64
    private let url: String
    private let state = Mutex(State())

    private struct State {
        /// The times that a final mark of a job was confirmed.
        var confirmed: [Int: Int] = [:]
        var deaths = 0
        var breaks = 0
        var isOver = false
    }

    init(seed: UInt64, url: String) {
        self.seed = seed
        self.url = url
    }

    var deaths: Int { state.withLock(\.deaths) }
    var breaks: Int { state.withLock(\.breaks) }

    func enqueue(_ count: Int) async throws {
        let queue = StoreClient(to: try PostgresQueue(url: url, access: .create))
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        _ = try await queue.enqueue(JobRange(first: 0, count: count), request: request)
        await queue.close()
    }

    /// Works as runners do that die now and then, until the queue is finished.
    func work(_ number: Int) async throws {
        var random = SeededGenerator(seed: seed &+ UInt64(number))
        while try await !live(&random) { state.withLock { $0.deaths += 1 } }
        state.withLock { $0.isOver = true }
    }

    /// Breaks connections, and crashes the server once, until the queue is finished.
    func disturb() async throws {
        var random = SeededGenerator(seed: seed &+ 1000)
        while !state.withLock(\.isOver) {
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...200, using: &random)))
            let count = state.withLock { state in
                state.breaks += 1
                return state.breaks
            }
            if count == 4, PostgresServer.shared.isOwn {
                PostgresServer.shared.crash()
            } else {
                PostgresServer.shared.execute(
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
        var (held, attempts): ([Int], [Int: Int]) = ([], [:])
        do {
            try await patiently { try await client.attach(RunnerDescription(pid: 1, workers: 9)) }
            for _ in 0..<Int.random(in: 10...60, using: &random) {
                if held.count < 300 {
                    let claim = try await patiently { try await client.lease.claim(jobs: 3000) }
                    let retries = try await patiently {
                        try await client.lease.claimRetries(limit: 500)
                    }
                    held += claim.segments.flatMap { $0.todo.joined() }
                    for job in retries.jobs {
                        held.append(job.position)
                        attempts[job.position] = job.attempts
                    }
                    held.shuffle(using: &random)
                    if held.isEmpty, claim.next == .finished, retries.nextDue == nil {
                        try await patiently { try await client.detach() }
                        await client.close()
                        return true
                    }
                }
                let done = held.suffix(Int.random(in: 0...400, using: &random))
                held.removeLast(done.count)
                let marks = done.map { position in
                    let isTriedAgain = Int.random(in: 0..<8, using: &random) == 0
                    return Mark(
                        batchID: 1, position: position, attempt: (attempts[position] ?? 0) + 1,
                        outcome: isTriedAgain
                            ? Outcome(.retrying, status: 503)
                            : Outcome(.completed, status: position % 3 == 0 ? 204 : 200),
                        wait: .milliseconds(5))
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
        } catch let error as QueueError where error.code == .fenced {
            // Taken over: the connection was gone while the server was.
        }
        await client.close()  // without a word
        return false
    }

    /// Calls again while the server cannot be reached, as a run does.
    @discardableResult
    private func patiently<Result>(_ body: () async throws -> Result) async throws -> Result {
        for _ in 0..<200 {
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
        #expect(counts.completed == 200_000 && counts.left == 0, "seed \(seed)")
        #expect(confirmed.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(confirmed.count <= 200_000 && confirmed.count > 180_000, "seed \(seed)")
        #expect(try await queue.verify() == [], "seed \(seed)")
        await queue.close()
    }
}

/// Runners on other machines, of which nothing is known but their heartbeat.
@Suite struct LeaseTests {
    @Test func aSilentRunner_isTakenOver_andOneThatIsHeardOfIsNot() async throws {
        let url = PostgresServer.shared.makeDatabase().url
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
