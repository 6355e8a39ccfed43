import StoreConformance
import TestPostgres
import TestSupport
import Testing

@testable import JobStore
@testable import PostgresStore

/// What the functions of the schema do for commits and folds, and what commits wait for.
@Suite struct CommitTests {
    private let server: PostgresServer
    private let url: String
    private let beat = Heartbeat(requestsPerSecond: 1)

    init() throws {
        server = try PostgresServer.shared
        url = server.makeDatabase().url
    }

    private func client(jobs: Int) async throws -> StoreClient {
        try await .attached(toNew: url, jobs: jobs)
    }

    private func mark(_ position: Int, _ status: Int = 200) -> Mark {
        Mark(
            batchID: 1, position: position, attempt: 1,
            outcome: Outcome(status < 400 ? .completed : .failed, status: UInt16(status)))
    }

    /// The numbers of commits with few outcomes and with many, before they are written down and after,
    /// and of a runner that is gone.
    @Test func numbers_areThoseOfAllCommits() async throws {
        let client = try await client(jobs: 500)
        #expect(try await client.claim(jobs: 500).count == 1)
        // Six numbers with that of jobs that are held, seven, and more.
        let kinds = [1, 5, 6, 7, 40]
        var position = 0
        for count in kinds {
            try await client.commit(
                (0..<2 * count).map { mark(position + $0, 400 + $0 % count) }, heartbeat: beat)
            position += 2 * count
        }
        let other = try PostgresQueue(url: url, access: .write)
        func expectAll(running: Int) async throws {
            let counts = try await other.counts()
            #expect(counts.failed == position && counts.running == running)
            #expect(counts.available == 500 - position - running)
            let groups = counts.outcomes.sorted { $0.label < $1.label }
            #expect(groups.map(\.label) == (400..<440).map { "\($0)" })
            #expect(groups.map(\.count) == (0..<40).map { each in 2 * kinds.count { $0 > each } })
        }
        try await expectAll(running: 500 - position)
        for _ in 0..<64 { try await client.renew(beat) }
        try await expectAll(running: 500 - position)
        try await client.commit([mark(position, 400)], heartbeat: beat)
        try await client.commit([mark(position + 1, 400)], heartbeat: beat)
        #expect(try await other.counts().failed == position + 2)
        await client.close()
        #expect(try await other.counts().running == 0)
        #expect(try await other.counts().runs.isEmpty)
        #expect(try await other.counts().available == 500 - position - 2)
        await other.close()
    }

    /// A run that wants few jobs leaves others the rest, of a batch of any size.
    @Test func aClaim_cutsSegments_asLargeAsTheyAreWanted() async throws {
        let client = try await client(jobs: 200)
        let first = try await client.lease.claim(ClaimRequest(jobs: 100, segmentJobsMax: 64))
        #expect(first.segments.map(\.todo) == [[0..<64], [64..<128]])
        let next = try await client.lease.claim(ClaimRequest(jobs: 1))
        #expect(next.segments.map(\.todo) == [[128..<200]])
        try await client.commit((0..<200).map { mark($0) }, heartbeat: beat)
        #expect(try await client.counts().available == 0)
        #expect(try await client.verify() == [])
        await client.close()
    }

    /// A claim takes as long as its commit to the disk, or waits for locks: the marks of its runner are
    /// recorded meanwhile.
    @Test func aCommit_doesNotWait_forAClaim() async throws {
        let client = try await client(jobs: 3 * Segment.countMax)
        #expect(try await client.claim(jobs: 1).count == 1)
        server.execute(
            """
            CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_advisory_xact_lock(77); RETURN NULL; END $$
            """,
            "CREATE TRIGGER wait AFTER INSERT OR UPDATE ON runner.claimed FOR EACH ROW EXECUTE FUNCTION public.wait()",
            at: url)
        let holder = Link(try ServerAddress(url: url))
        try holder.script("BEGIN; SELECT pg_advisory_xact_lock(77)")
        let lease = client.lease
        async let claim = lease.claim(ClaimRequest(jobs: 1))
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while server.execute(waits, at: url) != "1" { try await Task.sleep(for: .milliseconds(5)) }
        try await client.commit([mark(0)], heartbeat: beat)
        #expect(server.execute(waits, at: url) == "1")
        try holder.script("COMMIT")
        #expect(try await claim.segments.count == 1)
        #expect(try await client.verify() == [])
        holder.close()
        await client.close()
    }

    /// A segment that is gone from under its runner: nothing of that fold is done, and the run ends.
    @Test(arguments: [false, true])
    func aFold_withoutItsSegment_isNone(isFinished: Bool) async throws {
        let client = try await client(jobs: 2 * Segment.countMax)
        let segments = try await client.claim(jobs: 2 * Segment.countMax)
        #expect(segments.count == 2)
        server.execute("UPDATE runner.segment SET runner_id = 99 WHERE first > 0", at: url)
        let marks = (Segment.countMax..<(isFinished ? 2 : 1) * Segment.countMax + 1).map {
            mark($0 % (2 * Segment.countMax))
        }
        let error = try #require(
            await #expect(throws: QueueError.self) {
                try await client.commit(marks, heartbeat: beat)
                for _ in 0..<64 { try await client.renew(beat) }
            })
        #expect(error.code == .fenced && "\(error)".contains("no longer this runner's"))
        #expect(
            server.execute("SELECT folded_seq FROM runner.runner", at: url) == "0"
                && server.execute("SELECT count(*) FROM runner.tally", at: url) == "0")
        await client.close()
    }

    /// A fold whose connection broke before the server had begun with it comes in after its runner has
    /// found that it did not happen, or after it was sent again: then it is none.
    @Test(arguments: [false, true])
    func aFold_thatComesLate_isNone(isSentAgain: Bool) async throws {
        let client = try await client(jobs: 2 * Segment.countMax)
        #expect(try await client.claim(jobs: 2 * Segment.countMax).count == 2)
        try await client.commit([mark(0), mark(1, 404)], heartbeat: beat)
        let lease = try #require(client.lease as? PostgresLease)
        let late = try await lease.loseFold()
        if isSentAgain { try await lease.foldNow() } else { try await lease.findOut() }
        let link = Link(try ServerAddress(url: url))
        #expect(try link.query(late.sql, late.values).bool(0, 0) == false)
        try await lease.foldNow()
        #expect(server.execute("SELECT folded_seq FROM runner.runner", at: url) == "1")
        try await client.commit([mark(2)], heartbeat: beat)
        for _ in 0..<64 { try await client.renew(beat) }
        #expect(try await client.counts().completed == 2)
        #expect(try await client.verify() == [])
        await client.close()
    }

    /// A fold that did happen though its answer was lost, and a commit that came before its runner was
    /// told so.
    @Test func aFold_thatHappened_isKnown() async throws {
        let client = try await client(jobs: 100)
        #expect(try await client.claim(jobs: 1).count == 1)
        try await client.commit([mark(0)], heartbeat: beat)
        let lease = try #require(client.lease as? PostgresLease)
        let lost = try await lease.loseFold()
        let link = Link(try ServerAddress(url: url))
        #expect(try link.query(lost.sql, lost.values).bool(0, 0))
        try await client.commit([mark(1)], heartbeat: beat)
        try await lease.foldNow()
        #expect(server.execute("SELECT folded_seq FROM runner.runner", at: url) == "2")
        #expect(try await client.counts().completed == 2)
        #expect(try await client.verify() == [])
        await client.close()
    }

    /// As of a connection that broke before the server had read the commit: what the runner does next
    /// goes by that it did not happen.
    @Test func aCommit_thatComesLate_isNone() async throws {
        let client = try await client(jobs: 100)
        #expect(try await client.claim(jobs: 1).count == 1)
        let lease = try #require(client.lease as? PostgresLease)
        let late = try await lease.loseCommit(of: [mark(0)], beat)
        try await lease.findOut()
        let link = Link(try ServerAddress(url: url))
        #expect(try link.query(late.sql, late.values).isNull(0, 0))
        #expect(try await client.counts().completed == 0)
        try await client.commit([mark(0), mark(1)], heartbeat: beat)
        #expect(try await client.counts().completed == 2)
        #expect(try await client.verify() == [])
        await client.close()
    }

    /// A commit that is lost together with the fold after it: both are looked for at once.
    @Test func aCommitInDoubt_besideALateFold_isKnown() async throws {
        let client = try await client(jobs: 100)
        #expect(try await client.claim(jobs: 1).count == 1)
        try await client.commit([mark(0)], heartbeat: beat)
        let lease = try #require(client.lease as? PostgresLease)
        try await lease.loseFold()
        try await lease.recordUnheard([mark(1)], beat)
        try await client.commit([mark(1), mark(2)], heartbeat: beat)
        try await lease.foldNow()
        #expect(try await client.counts().completed == 3)
        #expect(try await client.verify() == [])
        await client.close()
    }

    /// A standby that lacks the last claim is not taken for whole because another claim comes first.
    @Test(arguments: ["UPDATE runner.claimed SET number = 0", "DELETE FROM runner.claimed"])
    func aClaim_doesNotHide_thatOneWasLost(loss: String) async throws {
        let client = try await client(jobs: 3 * Segment.countMax)
        #expect(try await client.claim(jobs: 1).count == 1)
        server.execute(loss, at: url)
        let error = try #require(
            await #expect(throws: QueueError.self) { try await client.claim(jobs: 1) })
        #expect(
            error.code == .fenced && "\(error)".contains("no longer has what it had confirmed"))
        #expect(
            server.execute("SELECT count(*) FROM runner.segment WHERE claim > 1", at: url) == "0")
        await client.close()
    }

    /// A server that was replaced by a standby from before the queue was brought up: the run lets go,
    /// and begins anew.
    @Test(arguments: [false, true])
    func anOlderServer_fencesItsRunners(isClaim: Bool) async throws {
        let client = try await client(jobs: 3 * Segment.countMax)
        #expect(try await client.claim(jobs: 1).count == 1)
        server.execute(
            """
            DO $$ DECLARE f regprocedure; BEGIN
                FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'runner'::regnamespace LOOP
                    EXECUTE 'DROP FUNCTION ' || f; END LOOP; END $$
            """, "DROP TABLE runner.claimed", "UPDATE runner.meta SET schema_version = 2", at: url)
        let error = try #require(
            await #expect(throws: QueueError.self) {
                if isClaim {
                    _ = try await client.claim(jobs: 1)
                } else {
                    try await client.commit([mark(0)], heartbeat: beat)
                }
            })
        #expect(error.code == .fenced && "\(error)".contains("an older queue"))
        await client.lease.abandon()
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(try await client.claim(jobs: 3 * Segment.countMax).count == 3)
        try await client.commit([mark(0)], heartbeat: beat)
        #expect(try await client.verify() == [])
        await client.close()
    }
}

extension PostgresLease {
    /// Makes a fold of which nothing is known, as when the connection breaks, and does not send it.
    @discardableResult
    fileprivate func loseFold() throws -> (sql: String, values: [PostgresStore.Value]) {
        foldInDoubt = seq
        return try foldStatement()
    }

    /// Makes a commit of which nothing is known, and does not send it.
    fileprivate func loseCommit(
        of marks: [Mark], _ beat: Heartbeat
    ) throws -> (sql: String, values: [PostgresStore.Value]) {
        try learnCodes(of: marks)
        pending = seq + 1
        return commitStatement(LogBody(entries: try entries(of: marks), files: []), beat)
    }

    fileprivate func findOut() throws { try catchUp() }

    /// Records marks as a commit does whose answer is lost.
    fileprivate func recordUnheard(_ marks: [Mark], _ beat: Heartbeat) throws {
        let (known, doubt, table) = (seq, foldInDoubt, (held, unfolded))
        foldInDoubt = nil
        try record(marks, [], beat)
        (seq, foldInDoubt, pending) = (known, doubt, known + 1)
        (held, unfolded) = table
    }
}
