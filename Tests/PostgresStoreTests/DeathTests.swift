import StoreConformance
import TestPostgres
import TestSupport
import Testing

@testable import JobStore
@testable import PostgresStore

/// Runners that die, runners that are taken for dead, and a server that breaks connections or
/// crashes: each job is counted once. Two controls take a part of the fence away, and are caught.
/// `RUNNER_TEST_JOBS=200000` is the full length.
@Suite struct DeathTests {
    /// - Parameter isPooled: Whether PgBouncer stands between.
    @Test(arguments: [false, true], [false, true])
    func jobsAreCountedOnce_whateverDies(isPooled: Bool, isListed: Bool) async throws {
        let seed = testSeed(for: "jobsAreCountedOnce_whateverDies")
        let database = try PostgresServer.shared.makeDatabase()
        let url = isPooled ? try #require(database.pooledURL) : database.url
        let fleet = Fleet(seed: seed, url: url, directURL: database.url)
        try await fleet.enqueue(Fleet.count, isListed: isListed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 { group.addTask { try await fleet.work(number) } }
            group.addTask { try await fleet.disturb() }
            group.addTask { try await fleet.putBack() }
            try await group.waitForAll()
        }
        try await fleet.finishRest()
        try await fleet.expectEachOnce()
        #expect(
            fleet.deaths > 3 && fleet.breaks > 3 && fleet.putBackCount > Fleet.count / 200,
            "seed \(seed)")
    }

    /// A runner that was taken over while it lived commits nothing more.
    @Test func aZombie_isFenced() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let (faults, isFenced) = try await zombie(at: url)
        #expect(isFenced && faults == [])
    }

    /// The same with the fence taken away: the runner's row comes back.
    @Test func control_aZombieWithoutTheFence_isCaught() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        await (try PostgresQueue(url: url, access: .create)).close()
        try PostgresServer.shared.execute(
            """
            CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO runner.runner OVERRIDING SYSTEM VALUE SELECT (OLD).*;
                RETURN OLD; END $$
            """,
            "CREATE TRIGGER keep AFTER DELETE ON runner.runner FOR EACH ROW EXECUTE FUNCTION public.keep()",
            // Without its claims it would be fenced, too.
            "CREATE RULE keep AS ON DELETE TO runner.claimed DO INSTEAD NOTHING",
            at: url)
        let (faults, isFenced) = try await zombie(at: url)
        #expect(!isFenced && faults != [])
    }

    private func zombie(at url: String) async throws -> (faults: [String], isFenced: Bool) {
        let zombie = try await StoreClient.attached(toNew: url, jobs: 5000)
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
        let url = try PostgresServer.shared.makeDatabase().url
        let client = try await StoreClient.attached(toNew: url, jobs: 20)
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

    /// A runner claims jobs that others have just cut out of what it holds itself, before it has heard
    /// of that: its log tells of them as they were.
    @Test(arguments: [false, true], [false, true])
    func jobsCutOut_andClaimedByTheSameRunner_areCountedOnce(
        isFolded: Bool, isKilled: Bool
    ) async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let client = try await StoreClient.attached(toNew: url, jobs: 20)
        _ = try await client.claim(jobs: 1)
        let beat = Heartbeat(requestsPerSecond: 1)
        func mark(_ position: Int, _ outcome: Outcome, attempt: Int = 1) -> Mark {
            Mark(batchID: 1, position: position, attempt: attempt, outcome: outcome)
        }
        let outcomes = [Outcome(.failed, status: 404), Outcome(.retrying, status: 503)]
        try await client.commit((0..<20).map { mark($0, outcomes[$0 % 2]) }, heartbeat: beat)
        if isFolded { for _ in 0..<64 { try await client.renew(beat) } }
        let other = StoreClient(to: try PostgresQueue(url: url, access: .write))
        #expect(try await other.queue.putBack(FailedJobs()) == 10)
        let claimed = try await client.claim(jobs: 20).flatMap { $0.todo.joined() }
        #expect(claimed.sorted() == Array(stride(from: 0, to: 20, by: 2)))
        #expect(try await client.verify() == [])
        let ok = Outcome(.completed, status: 200)
        try await client.commit([mark(0, ok), mark(2, ok)], heartbeat: beat)
        #expect(try await client.verify() == [])
        if isKilled {
            await client.close()
            try await other.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(try await other.verify() == [])
            let counts = try await other.counts()
            #expect(counts.available == 8 && counts.retrying == 10 && counts.completed == 2)
        } else {
            let retries = try await client.lease.claimRetries(limit: 99).jobs
            #expect(retries.map(\.position).sorted() == Array(stride(from: 1, to: 20, by: 2)))
            try await client.commit(
                claimed.filter { $0 > 2 }.map { mark($0, ok) }
                    + retries.map { mark($0.position, ok, attempt: 2) }, heartbeat: beat)
            #expect(try await client.counts().completed == 20)
            #expect(try await client.lease.claim(jobs: 1).next == .finished)
            await client.close()
        }
        #expect(try await other.verify() == [])
        await other.close()
    }

    /// What was put back beside a runner's jobs is let go by it, though its segment was written down
    /// and read anew meanwhile.
    @Test func jobsPutBackTwice_areLetGo() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let client = try await StoreClient.attached(toNew: url, jobs: 9)
        _ = try await client.claim(jobs: 1)
        let beat = Heartbeat(requestsPerSecond: 1)
        let other = StoreClient(to: try PostgresQueue(url: url, access: .write))
        for position in 0..<2 {
            let failed = Mark(
                batchID: 1, position: position, attempt: 1,
                outcome: Outcome(.failed, status: 404))
            try await client.commit([failed], heartbeat: beat)
            #expect(try await other.queue.putBack(FailedJobs()) == 1)
            // Written down after 64 commits.
            for _ in 0..<64 { try await client.renew(beat) }
        }
        let rest = (2..<9).map {
            Mark(batchID: 1, position: $0, attempt: 1, outcome: Outcome(.completed, status: 200))
        }
        try await client.commit(rest, heartbeat: beat)
        #expect(try await client.verify() == [])
        #expect(try await other.counts().available == 2)
        #expect(try await client.claim(jobs: 9).flatMap { $0.todo.joined() } == [0, 1])
        await client.close()
        await other.close()
    }

    /// A server that has lost what it had confirmed, as a standby has that lagged: its last commit, a
    /// fold, a claim, or that others wrote to the runner's log.
    @Test(arguments: [
        "DELETE FROM runner.log WHERE seq = (SELECT max(seq) FROM runner.log)",
        "UPDATE runner.runner SET folded_seq = 0",
        "UPDATE runner.claimed SET number = 0",
        "UPDATE runner.runner SET told = 0",
    ])
    func whatAServerLost_isTold(loss: String) async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let client = try await StoreClient.attached(toNew: url, jobs: 5000)
        let positions = try await client.claim(jobs: 5000).flatMap { $0.todo.joined() }
        let beat = Heartbeat(requestsPerSecond: 1)
        func commit(_ position: Int) async throws {
            let failed = Outcome(.failed, status: 404)
            let mark = Mark(batchID: 1, position: position, attempt: 1, outcome: failed)
            try await client.commit([mark], heartbeat: beat)
        }
        for position in positions[..<70] { try await commit(position) }
        let other = StoreClient(to: try PostgresQueue(url: url, access: .write))
        #expect(try await other.queue.putBack(FailedJobs()) == 70)
        for position in positions[70..<80] { try await commit(position) }
        try PostgresServer.shared.execute(loss, at: url)
        // A fold that is lost shows with the next one, after 64 commits.
        let error = try #require(
            await #expect(throws: QueueError.self) {
                for position in positions[80..<160] { try await commit(position) }
            })
        #expect(
            error.code == .fenced && "\(error)".contains("no longer has what it had confirmed"))
        await client.close()
        await other.close()
    }

    /// Segments that have ended alike become one span, and others stay apart.
    @Test func spansThatEndedAlike_areMelted() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let queue = try PostgresQueue(url: url, access: .create)
        let client = StoreClient(to: queue)
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        for _ in 0..<2 {
            _ = try await client.enqueue(
                JobRange(first: 0, count: 10 * Segment.countMax), request: request)
        }
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        for segment in try await client.claim(jobs: 20 * Segment.countMax).shuffled() {
            // The fifth of each batch ends otherwise.
            let isOther = segment.todo[0].lowerBound == 4 * Segment.countMax
            let outcome = Outcome(isOther ? .failed : .completed, status: 200)
            let marks = segment.todo.joined().map {
                Mark(batchID: segment.batch.id, position: $0, attempt: 1, outcome: outcome)
            }
            try await client.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        func spans() throws -> String? {
            try PostgresServer.shared.execute("SELECT count(*) FROM runner.span", at: url)
        }
        // A fold comes after its commit, and before the next.
        try await client.renew(Heartbeat(requestsPerSecond: 1))
        #expect(try spans() == "20")
        #expect(try await queue.melt() == 14)
        #expect(try spans() == "6")
        #expect(try await client.verify() == [])
        await client.close()
    }

    /// A commit whose answer was lost, and which is sent again.
    @Test func aCommitThatIsSentTwice_countsOnce() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        #expect(try await commitTwice(at: url) == [])
    }

    /// The same with the number of a commit taken away: each row of the log gets a new one.
    @Test func control_aCommitWithoutItsNumber_isCaught() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        await (try PostgresQueue(url: url, access: .create)).close()
        try PostgresServer.shared.execute(
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
        let client = try await StoreClient.attached(toNew: url, jobs: 50)
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
