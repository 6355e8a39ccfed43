import TestSupport
import Testing

@testable import JobStore

/// Validators in a file that anybody may have written to, and those of many pages.
@Suite struct HostileValidatorsTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }
    private let beat = Heartbeat(requestsPerSecond: 1)

    /// A queue of two batches of `pages` pages of jobs, of which the second one is asked for by the
    /// validators of the first.
    ///
    /// - Parameter sql: Makes rows of `validator`.
    private func makeQueue(pages: Int, _ sql: String) async throws -> SQLiteQueue {
        do {
            let queue = try SQLiteQueue(path: path, access: .create)
            let range = JobRange(first: 0, count: pages * ValidatorPart.jobsMax)
            let request = try RequestTemplate(parsing: "http://h/{id}")
            _ = try await queue.enqueue(.range(range, request), as: BatchLabel())
            _ = try await queue.enqueue(.range(range, request), as: BatchLabel(conditionalOn: 1))
            await queue.close()
        }
        do {
            let connection = try Connection(path: path, readOnly: false)
            try Migrator.makeValidatorTables(connection)
            try connection.execute("PRAGMA ignore_check_constraints = ON; \(sql)")
        }
        return try SQLiteQueue(path: path, access: .write)
    }

    private func expectDamage(
        _ words: String, _ body: () async throws -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let error = await #expect(throws: QueueError.self, sourceLocation: sourceLocation) {
            try await body()
        }
        #expect(
            error?.code == .damaged && "\(error!)".contains(words), "\(error as Any)",
            sourceLocation: sourceLocation)
    }

    /// A row of `validator` of one job, whose tag is `"x"`.
    private static func row(page: Int = 0, part: String, offset: Int = 0) -> String {
        var bytes: [UInt8] = [0]
        bytes.append(number: UInt(offset))
        let hex = (bytes + [8, 0x78]).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return "INSERT INTO validator VALUES (1, \(page), \(part), 1, x'\(hex.joined())');"
    }

    @Test(arguments: [
        // A date of Int.min; a head without tag and date; a date of the year 10,000.
        ("INSERT INTO validator VALUES (1, 0, 0, 1, x'000001FFFFFFFFFFFFFFFFFF01')", "read"),
        ("INSERT INTO validator VALUES (1, 0, 0, 1, x'000002')", "cannot be read"),
        ("INSERT INTO validator VALUES (1, 0, 0, 1, x'0000018086A2FFDF0E')", "cannot be read"),
        (row(part: "0") + row(part: "1"), "page 0 of batch 1 has validators twice"),
        ((0..<64).map { row(part: "\($0)", offset: $0) }.joined() + row(part: "64"), "read"),
    ])
    func claims_refuse_whatIsNoValidators(_ sql: String, _ words: String) async throws {
        let queue = try await makeQueue(pages: 1, sql)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        await expectDamage(words) { _ = try await lease.claim(jobs: 2 * ValidatorPart.jobsMax) }
        #expect(try await !queue.verify().isEmpty)
        await queue.close()
    }

    @Test(arguments: [
        (row(part: "9223372036854775807"), "a part 9223372036854775807 of page 0"),
        (row(part: "-3"), "a part -3 of page 0"),
        ((0..<63).map { row(part: "\($0)", offset: $0 / 2) }.joined(), "validators twice"),
        // The job that is marked has some.
        ((0..<63).map { row(part: "\($0)", offset: 4000 + $0) }.joined(), "validators twice"),
    ])
    func commits_refuse_whatCannotBeAdded(_ sql: String, _ words: String) async throws {
        let queue = try await makeQueue(pages: 1, sql)
        // No claim of batch 2 looks at them before.
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1, batch: 1))
        _ = try await lease.claim(jobs: 1)
        await expectDamage(words) {
            try await lease.commit(
                [
                    Mark(
                        batchID: 1, position: 4010, attempt: 1,
                        outcome: Outcome(.completed, status: 200),
                        validators: Validators(entityTag: nil, lastModifiedSeconds: 0))
                ], heartbeat: beat)
        }
        #expect(try await queue.counts().completed == 0)
        await queue.close()
    }

    private static func pages(_ count: Int) -> String {
        """
        WITH RECURSIVE number(n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < \(count - 1))
        INSERT INTO validator SELECT 1, n, 0, 1, x'00000878' FROM number;
        """
    }

    /// A claim is one transaction, for which commits wait: it unpacks so many pages at most.
    @Test func claimsOfRetries_unpackFewPages() async throws {
        let count = 150
        let queue = try await makeQueue(
            pages: count,
            Self.pages(count) + """
                INSERT INTO retry (batch_id, position, attempts, not_before_us, excused, since_us)
                SELECT batch.id, page * 4096 + 5 * (batch.id - 1), 1, page, 0, 0
                FROM validator, batch;
                """)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        var claimed: [DueRetry] = []
        var sizes: [Int] = []
        while true {
            let claim = try await lease.claimRetries(limit: 4096)
            if claim.jobs.isEmpty { break }
            #expect(claim.nextDue == (sizes.count < 2 ? .zero : nil))
            sizes.append(claim.jobs.count)
            claimed += claim.jobs
        }
        // Those of the first batch ask by none, and go with the others.
        #expect(sizes.count == 3 && sizes.max()! <= 2 * 64 + 1, "\(sizes)")
        #expect(claimed.count == 2 * count)
        #expect(Set(claimed.map { [$0.batch.id, $0.position] }).count == 2 * count)
        #expect(claimed.allSatisfy { $0.validators == nil })
        await queue.close()
    }

    /// Segments with a few jobs left each: the last ones of a long run.
    @Test func claimsOfSegments_unpackFewPages() async throws {
        let count = 150
        let queue = try await makeQueue(
            pages: count,
            Self.pages(count) + """
                INSERT INTO segment (batch_id, first, count, todo, retrying, priority, outcomes)
                SELECT 2, page * 4096, 1, 1, 0, 0, zeroblob(1) FROM validator;
                DELETE FROM span;
                """)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1, batch: 2))
        var sizes: [Int] = []
        for _ in 0..<3 {
            let segments = try await lease.claim(jobs: 4096).segments
            sizes.append(segments.count)
            #expect(segments.allSatisfy { $0.validators?[$0.todo[0].lowerBound] != nil })
        }
        #expect(sizes == [64, 64, 22])
        await queue.close()
    }

    /// Pages are kept for the next claim, and bounded by what they take.
    @Test func pages_areKept_upToABound() {
        let tag = [0x22] + [UInt8](repeating: 0x61, count: 254) + [0x22]
        let large = JobValidators(
            (0..<4096).map { ($0, Validators(entityTag: tag, lastModifiedSeconds: 0)!) })
        #expect(large.byteCount > 4096 * 256 && large.byteCount < 4096 * 288)
        var pages = ValidatorPages()
        for number in 0..<3 { pages.add(large, number, of: 1) }
        #expect((0..<3).allSatisfy { pages.page($0, of: 1) === large })
        pages.add(large, 3, of: 1)
        #expect((0..<4).map { pages.page($0, of: 1) != nil } == [false, false, false, true])
        for number in 4..<6 { pages.add(large, number, of: 1) }
        pages.remove(4, of: 1)
        pages.remove(4, of: 1)
        pages.add(large, 7, of: 1)
        #expect([3, 4, 5, 7].map { pages.page($0, of: 1) != nil } == [true, false, true, true])
        #expect(pages.added == 7)
    }
}
