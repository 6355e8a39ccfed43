import Glibc
import StoreConformance
import TestPostgres
import Testing

@testable import JobStore
@testable import PostgresStore

/// Making a queue, and who may do what with it.
@Suite struct SetUpTests {
    private let server: PostgresServer
    private let request: RequestTemplate

    init() throws {
        server = try PostgresServer.shared
        request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
    }

    @Test func aQueue_isMadeOnce_byManyAtATime() async throws {
        let url = server.makeDatabase().url
        let request = request
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    let queue = try PostgresQueue(url: url, access: .create)
                    _ = try await queue.enqueue(
                        JobRange(first: number * 10, count: 10), request: request)
                    await queue.close()
                }
            }
            try await group.waitForAll()
        }
        let queue = try PostgresQueue(url: url, access: .read)
        #expect(try await queue.counts().available == 60)
        #expect(try await queue.batches(from: 0).summaries.map(\.batch.id) == Array(1...6))
        #expect(try await queue.verify() == [])
        await queue.close()
    }

    /// A runner that comes with its folder gets that one's site, though there is one that nobody has
    /// written to: of a runner that was killed as it began.
    @Test func aRunner_getsItsOwnSite_beforeOneThatIsFree() async throws {
        let queue = try PostgresQueue(url: server.makeDatabase().url, access: .create)
        let clients = [StoreClient(to: queue), StoreClient(to: queue)]
        for client in clients { try await client.attach(RunnerDescription(pid: 1, workers: 1)) }
        let settings = OutputSettings(
            folder: "/out", identity: "mine", format: "jsonl", rotateBytes: 1 << 20,
            keepsBodies: true, keepsFailures: false)
        try await clients[1].lease.keepOutput(settings, [])
        for client in clients { try await client.detach() }
        let lease = try await queue.attach(
            RunnerDescription(pid: 1, workers: 1, siteIdentity: "mine"))
        #expect(lease.attachment.output.settings?.identity == "mine")
        let other = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(other.attachment.output.settings == nil)
        #expect(other.attachment.site != lease.attachment.site)
        await queue.close()
    }

    @Test func aQueueThatIsMissing_isNotMade_toLookAtIt() throws {
        let url = server.makeDatabase().url
        for access in [PostgresQueue.Access.read, .write] {
            let error = #expect(throws: QueueError.self) {
                try PostgresQueue(url: url, access: access)
            }
            #expect(error?.code == .missing)
        }
        #expect(
            server.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'runner'", at: url)
                == "0")
    }

    /// A runner of an earlier version that is still on may send any number.
    @Test func anOlderQueue_isBroughtUp_besideARunner() async throws {
        let url = server.makeDatabase().url
        let link = Link(try ServerAddress(url: url))
        try link.script(String(decoding: PackageResources.p1_initial_sql, as: UTF8.self))
        try link.query(
            """
            INSERT INTO runner.runner (instance, host, pid, workers, site_id, started_us, beat_us)
            VALUES ('old', 'far', 1, 1, 0, 0, 0)
            """)
        let queue = try PostgresQueue(url: url, access: .write)
        #expect(try PostgresStore.Migrator.version(link) == PostgresStore.Migrator.latest)
        let lease = try await queue.attach(RunnerDescription(pid: 2, workers: 1, rate: 100))
        let claim = RateClaim(kept: 0, wanted: .infinity)
        #expect(try await lease.share(claim)?.perSecond == 0)
        try link.query("DELETE FROM runner.runner WHERE instance = 'old'")
        #expect(try await lease.share(claim)?.perSecond == 100)
        await queue.close()
    }

    /// The claims of a runner that goes on while its queue is brought up are known of.
    @Test func anOlderQueue_keepsTheNumbersOfClaims() async throws {
        let url = server.makeDatabase().url
        let link = Link(try ServerAddress(url: url))
        for script in [PackageResources.p1_initial_sql, PackageResources.p2_shares_sql] {
            try link.script(String(decoding: script, as: UTF8.self))
        }
        try link.query(
            """
            INSERT INTO runner.runner (instance, host, pid, workers, site_id, started_us, beat_us,
                claims)
            VALUES ('old', 'far', 1, 1, 0, 0, 0, 7)
            """)
        let queue = try PostgresQueue(url: url, access: .write)
        #expect(try link.query("SELECT number FROM runner.claimed").int(0, 0) == 7)
        try await queue.takeOver(1)
        #expect(try link.query("SELECT FROM runner.claimed").count == 0)
        await queue.close()
    }

    /// What a superuser brings up stays the owner's, and others are told who may.
    @Test func anOlderQueue_isBroughtUp_asItsOwner() async throws {
        guard server.isOwn else { return }
        let url = server.makeDatabase().url
        server.execute(
            """
            DO $$ BEGIN CREATE ROLE "Owns it" LOGIN; CREATE ROLE passes LOGIN;
            EXCEPTION WHEN duplicate_object THEN NULL; END $$
            """,
            """
            DO $$ BEGIN
                EXECUTE format('GRANT CREATE ON DATABASE %I TO "Owns it"', current_database());
            END $$
            """, at: url)
        let ownersURL = address(of: "Owns%20it", at: url)
        let link = Link(try ServerAddress(url: ownersURL))
        for script in [PackageResources.p1_initial_sql, PackageResources.p2_shares_sql] {
            try link.script(String(decoding: script, as: UTF8.self))
        }
        try link.script(
            "GRANT USAGE ON SCHEMA runner TO passes; GRANT SELECT ON runner.meta TO passes")
        for access in [PostgresQueue.Access.read, .write] {
            let error = try #require(
                #expect(throws: QueueError.self) {
                    try PostgresQueue(url: address(of: "passes", at: url), access: access)
                })
            #expect(error.code == .readOnly)
            #expect("\(error)".contains("has schema 2") && "\(error)".contains("its owner must"))
        }
        await (try PostgresQueue(url: url, access: .read)).close()
        let foreign = """
            SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'runner'::regnamespace
                    AND relowner <> '"Owns it"'::regrole)
                + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'runner'::regnamespace
                    AND proowner <> '"Owns it"'::regrole)
            """
        #expect(server.execute(foreign, at: url) == "0")
        let client = StoreClient(to: try PostgresQueue(url: ownersURL, access: .write))
        _ = try await client.enqueue(JobRange(first: 0, count: 10), request: request)
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(try await client.claim(jobs: 1).count == 1)
        try await client.detach()
        await client.close()
    }

    private func address(of role: String, at url: String) -> String {
        "postgres://\(role)@" + url.split(separator: "@", maxSplits: 1)[1]
    }

    /// By one snapshot for all statements of a transaction, what was waited for is not seen.
    @Test func statementsThatSeeTooLittle_areRefused() async throws {
        let url = server.makeDatabase().url
        await (try PostgresQueue(url: url, access: .create)).close()
        server.execute(
            """
            DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = %L',
                current_database(), 'repeatable read'); END $$
            """, at: url)
        for access in [PostgresQueue.Access.write, .create] {
            let error = #expect(throws: QueueError.self) {
                try PostgresQueue(url: url, access: access)
            }
            #expect(error?.code == .unsupported)
            #expect("\(error as Any)".contains("default_transaction_isolation"))
        }
        await (try PostgresQueue(url: url, access: .read)).close()
        let link = Link(try ServerAddress(url: url))
        let isolation = try link.transaction {
            try link.query("SELECT current_setting('transaction_isolation')").text(0, 0)
        }
        #expect(isolation == "read committed")
    }

    /// A lock that cannot be taken leaves no file: neighbours would find it free, and the runner gone.
    @Test func aLockThatCannotBeTaken_leavesNothing() {
        let instance = "lock-test-\(getpid())"
        #expect(RunnerLock(instance: instance) { _ in throw Errno(ENOLCK) } == nil)
        #expect(!RunnerLock.isGone(instance: instance))
        let lock = RunnerLock(instance: instance)
        #expect(lock != nil && !RunnerLock.isGone(instance: instance))
        RunnerLock.clear(instance: instance)
    }

    @Test func aNewerQueue_isLeftAlone() async throws {
        let url = server.makeDatabase().url
        await (try PostgresQueue(url: url, access: .create)).close()
        server.execute("UPDATE runner.meta SET schema_version = 99", at: url)
        for access in [PostgresQueue.Access.read, .write, .create] {
            let error = #expect(throws: QueueError.self) {
                try PostgresQueue(url: url, access: access)
            }
            #expect(error?.code == .newer)
        }
    }

    /// The roles of docs/POSTGRES.md: one works, one looks, and neither makes or changes tables.
    @Test func roles_mayDoWhatTheyAreFor() async throws {
        guard server.isOwn else { return }
        server.execute(
            """
            DO $$ BEGIN
                CREATE ROLE runner_worker; CREATE ROLE runner_reader;
                CREATE ROLE works LOGIN IN ROLE runner_worker;
                CREATE ROLE looks LOGIN IN ROLE runner_reader;
            EXCEPTION WHEN duplicate_object THEN NULL; END $$
            """)
        let url = server.makeDatabase().url
        func expectRefused(_ body: () async throws -> Void) async {
            let error = await #expect(throws: QueueError.self) { try await body() }
            #expect(error?.code == .readOnly)
        }
        await expectRefused {
            _ = try PostgresQueue(url: address(of: "works", at: url), access: .create)
        }
        await (try PostgresQueue(url: url, access: .create)).close()

        let client = StoreClient(
            to: try PostgresQueue(url: address(of: "works", at: url), access: .write))
        _ = try await client.enqueue(JobRange(first: 0, count: 5000), request: request)
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        let segment = try await client.claim(jobs: 1)[0]
        let marks = segment.todo.joined().map {
            Mark(batchID: 1, position: $0, attempt: 1, outcome: Outcome(.completed, status: 200))
        }
        let pace = HostPace(host: "http://h", wait: .seconds(5), requestsPerSecond: 3)
        try await client.commit(
            marks, heartbeat: Heartbeat(requestsPerSecond: 1, hosts: [pace]))
        try await client.queue.setPaused(true)
        _ = try await client.queue.cancel(1)
        _ = try await client.queue.putBack(FailedJobs())
        #expect(try await client.verify() == [])

        let reader = try PostgresQueue(url: address(of: "looks", at: url), access: .read)
        #expect(try await reader.counts().completed == Segment.countMax)
        #expect(try await reader.isPaused())
        #expect(try await reader.hostsHeldBack(limit: 1).count == 1)
        #expect(try await reader.page(from: .start).spans.count == 2)
        await reader.close()
        let meddler = try PostgresQueue(url: address(of: "looks", at: url), access: .write)
        await expectRefused { try await meddler.setPaused(false) }
        await expectRefused {
            _ = try await meddler.attach(RunnerDescription(pid: 1, workers: 1))
        }
        await meddler.close()
        try await client.detach()
        await client.close()
    }
}
