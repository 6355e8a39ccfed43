import Glibc
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Tables as no program of ours writes them, in a file that SQLite finds whole: whoever reads them
/// says what is wrong, and goes on living.
@Suite struct HostileTablesTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }
    /// The bytes of the queue before anything is done to it.
    private var sound: [UInt8] = []

    /// Puts a queue at the path: three batches, of which jobs are available, leased, retrying,
    /// completed and failed.
    private mutating func makeQueue() async throws {
        if sound.isEmpty { try await makeFirst() }
        for suffix in ["-wal", "-shm", "-lock"] { remove(path + suffix) }
        write(sound, to: path)
    }

    private mutating func makeFirst() async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .create))
        for count in [10_000, 1, 5000] {
            _ = try await queue.enqueue(
                JobRange(first: 0, count: count),
                request: try RequestTemplate(parsing: "http://127.0.0.1/{id}"))
        }
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        for segment in try await queue.claim(jobs: 13_000) where segment.batch.id < 3 {
            let marks = segment.todo.joined().filter { $0 % 5 != 4 || $0 < 4096 }.map {
                Mark(
                    batchID: segment.batch.id, position: $0, attempt: 1,
                    outcome: $0 < 4096
                        ? Outcome(.completed, status: 200)
                        : $0 % 97 == 0 ? Outcome(.retrying, .dns) : Outcome(.failed, status: 404))
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        _ = try await queue.claimRetries(dueAt: 1, limit: 5)
        let runner = try #require(try await queue.counts().runs.first)
        _ = try await queue.queue.ask(["workers": "1"], of: runner.id)
        #expect(try await queue.verify() == [])
        await queue.close()
        sound = contents(of: path)
    }

    private func change(_ sql: String) throws {
        let connection = try Connection(path: path, readOnly: false)
        try connection.execute("PRAGMA ignore_check_constraints = ON; \(sql)")
    }

    /// Asks all there is to ask; none may crash, and errors are told as such.
    private func look() async throws -> [String] {
        let queue = try SQLiteQueue(path: path, access: .read)
        let faults = try await queue.verify()
        _ = try? await queue.counts()
        for batch in 0...4 {
            for position in [0, 1, 4096, 9000] {
                _ = try? await queue.page(from: LedgerPlace(batchID: batch, position: position))
            }
        }
        await queue.close()
        // A runner, too, refuses to work on it, or works on what it can.
        if let queue = try? SQLiteQueue(path: path, access: .write) {
            let runner = StoreClient(to: queue)
            if (try? await runner.attach(RunnerDescription(pid: 2, workers: 1))) != nil {
                _ = try? await runner.claim(jobs: 20_000)
                _ = try? await runner.claimRetries(dueAt: .max / 2, limit: 5000)
                let marks = [1, 2, 3].map {
                    Mark(
                        batchID: $0, position: 0, attempt: 1,
                        outcome: Outcome(.completed, status: 200))
                }
                try? await runner.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
                _ = try? await runner.counts()
                _ = try? await runner.queue.cancel(3)
                try? await runner.detach()
            }
            for batch in 1...3 { _ = try? await runner.queue.cancel(batch) }
            await runner.close()
        }
        return faults
    }

    /// Numbers past any bound, in each column of numbers.
    private static let numbers = [
        "-1", "256", "1000000000000", "9223372036854775807", "-9223372036854775808",
    ]
    private static let columns = [
        "batch.first_id", "batch.count", "span.first", "span.count", "span.outcome",
        "segment.first", "segment.count", "segment.todo", "segment.retrying", "segment.batch_id",
        "segment.runner_id", "span.batch_id", "tally.batch_id", "tally.outcome", "tally.count",
        "total.outcome", "total.count", "retry.batch_id", "retry.position", "retry.attempts",
        "retry.not_before_us", "runner.pid", "runner.workers", "runner.started_at_us",
        "runner.heartbeat_us", "outcome.code", "outcome.status",
        "runner.wishes_taken", "wish.runner_id", "wish.number", "batch.whole_first",
        "batch.whole_count",
    ]
    /// Numbers that are as good as any other there.
    private static let harmless = [
        "batch.first_id", "retry.attempts", "retry.not_before_us", "runner.pid", "runner.workers",
        "runner.started_at_us", "runner.heartbeat_us", "outcome.status", "runner.wishes_taken",
        "wish.runner_id", "wish.number",
    ]

    @Test(arguments: columns)
    mutating func aNumberThatCannotBe_isToldOf(column: String) async throws {
        let (table, name) = (
            column.split(separator: ".")[0], column.split(separator: ".")[1]
        )
        for number in Self.numbers {
            for rows in ["rowid IN (SELECT max(rowid) FROM \(table))", "true"] {
                try await makeQueue()
                let hasRowID = !["span", "tally", "retry", "wish"].contains(table)
                // One row of those the table has, or all of them.
                let key = hasRowID ? rows : rows == "true" ? "true" : Self.lastRow(of: table)
                try change("UPDATE OR REPLACE \(table) SET \(name) = \(number) WHERE \(key)")
                let faults = try await look()
                if !Self.harmless.contains(column) {
                    #expect(faults != [], "\(column) = \(number) WHERE \(key)")
                }
            }
        }
    }

    private static func lastRow(of table: Substring) -> String {
        switch table {
        case "span":
            "(batch_id, first) = (SELECT batch_id, first FROM span ORDER BY 1 DESC, 2 DESC)"
        case "tally":
            "(batch_id, outcome) = (SELECT batch_id, outcome FROM tally ORDER BY 1 DESC, 2 DESC)"
        case "wish":
            "(runner_id, name) = (SELECT runner_id, name FROM wish ORDER BY 1 DESC, 2 DESC)"
        default:
            "(batch_id, position) = (SELECT batch_id, position FROM retry ORDER BY 1 DESC, 2 DESC)"
        }
    }

    /// What stands in the place of numbers when the tables' own rules were written away.
    @Test(arguments: ["NULL", "'a'", "x'00'", "1.5", "-0.5", "1e300", "''"])
    mutating func whatIsNoNumber_isToldOf(value: String) async throws {
        for (table, name) in [
            ("span", "first"), ("span", "count"), ("span", "outcome"), ("span", "batch_id"),
            ("segment", "first"), ("segment", "count"), ("segment", "todo"),
            ("segment", "retrying"), ("segment", "batch_id"), ("tally", "batch_id"),
            ("tally", "outcome"), ("tally", "count"), ("total", "outcome"), ("total", "count"),
            ("retry", "batch_id"), ("retry", "position"), ("batch", "count"), ("batch", "id"),
            ("segment", "outcomes"),
        ] {
            try await makeQueue()
            // A copy without types, rules or keys, in the table's place.
            try change(
                """
                PRAGMA foreign_keys = OFF; DROP VIEW job;
                CREATE TABLE bare AS SELECT * FROM \(table); DROP TABLE \(table);
                ALTER TABLE bare RENAME TO \(table);
                UPDATE \(table) SET \(name) = \(value) WHERE rowid = (SELECT max(rowid) FROM \(table));
                """)
            #expect(try await look() != [], "\(table).\(name) = \(value)")
            try change("UPDATE \(table) SET \(name) = \(value)")
            #expect(try await look() != [], "\(table).\(name) = \(value) throughout")
        }
    }

    @Test mutating func everythingTwice_andOverlapping_isToldOf() async throws {
        for table in ["batch", "span", "segment", "tally", "total", "retry"] {
            try await makeQueue()
            try change(
                """
                DROP VIEW job;
                CREATE TABLE bare AS SELECT * FROM \(table); DROP TABLE \(table);
                ALTER TABLE bare RENAME TO \(table);
                INSERT INTO \(table) SELECT * FROM \(table);
                """)
            #expect(try await look() != [], "\(table)")
        }
    }

    @Test mutating func moreThanCanBeCounted_isToldOf() async throws {
        try await makeQueue()
        let most = Int.max
        try change(
            """
            INSERT INTO span (batch_id, first, count, outcome) VALUES
                (1, 20000, \(most - 20_000), 5), (2, 1, \(most - 1), 5),
                (3, 9000, \(most), 5), (3, 9001, \(most - 9001), 5), (3, 9002, \(most - 9002), 5);
            INSERT INTO tally VALUES (2, 6, \(most)), (3, 6, \(most)), (3, 5, \(most));
            UPDATE segment SET outcomes = zeroblob(1000000) WHERE first = 0;
            """)
        let faults = try await look()
        #expect(faults.contains { $0.contains("more jobs than can be counted") })
        #expect(faults.contains { $0.contains("do not unpack") })
    }

    /// A sentence a fault, up to so many: the list must not grow with the file.
    @Test mutating func faultsAreCounted_whereThereAreTooManyToTell() async throws {
        try await makeQueue()
        try change(
            """
            WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 5000)
            INSERT INTO batch (kind, first_id, count, url, created_at_us)
            SELECT 'range', 0, 5, '', 0 FROM n
            """)
        let faults = try await look()
        #expect(faults.count == 1001 && faults.last == "and 4000 more faults")
    }
}
