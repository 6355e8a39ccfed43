import Glibc
import Migrations
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Queues of schema 6, from before batches could be cancelled.
@Suite struct CancelMigrationTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    /// A queue as a runner of schema 6 left it when it was killed: of 10,000 jobs it had claimed
    /// 8,192, begun one segment of these, and one job waits for a retry.
    ///
    /// - Parameter codes: The greatest code that was given; those past 5 stand for statuses.
    private func makeSixthVersion(codes: Int = 5) throws {
        write([], to: path)
        let connection = try Connection(path: path, readOnly: false)
        try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
        for script in Schema.scripts.prefix(6) {
            try connection.execute(String(decoding: script, as: UTF8.self))
        }
        try connection.execute(
            """
            INSERT INTO batch (kind, first_id, count, url, created_at_us, priority)
            VALUES ('range', 0, 10000, 'http://127.0.0.1/{id}', 7, 2);
            INSERT INTO outcome (code, state, status)
            VALUES (4, 'completed', 200), (5, 'retrying', 503);
            INSERT INTO span VALUES (1, 8192, 1808, 0, 2);
            INSERT INTO runner (pid, workers, started_at_us, heartbeat_us) VALUES (9, 1, 0, 0);
            INSERT INTO segment VALUES
                (1, 0, 4096, 4094, 1, 1, CAST(x'0405' || zeroblob(4094) AS BLOB), 0, 2),
                (1, 4096, 4096, 4096, 0, 1, zeroblob(4096), 0, 2);
            INSERT INTO retry VALUES (1, 1, 1, 0, NULL);
            INSERT INTO tally VALUES (1, 4, 1), (1, 5, 1);
            INSERT INTO total VALUES (0, 9998), (4, 1), (5, 1)
            ON CONFLICT (outcome) DO UPDATE SET count = excluded.count;
            PRAGMA user_version = 6;
            PRAGMA journal_mode = WAL;
            """)
        for code in 6..<max(6, codes + 1) {
            try connection.execute("INSERT INTO outcome VALUES (\(code), 'failed', \(code), '')")
        }
    }

    /// Has some jobs of the last span end with each code from 6 on.
    private func useAllCodes(upTo last: Int) throws {
        let connection = try Connection(path: path, readOnly: false)
        let count = last - 5
        try connection.execute(
            """
            UPDATE span SET first = first + \(count), count = count - \(count);
            UPDATE total SET count = count - \(count) WHERE outcome = 0;
            """)
        for code in 6...last {
            try connection.execute(
                """
                INSERT INTO span VALUES (1, \(8192 + code - 6), 1, \(code), 0);
                INSERT INTO tally VALUES (1, \(code), 1);
                INSERT INTO total VALUES (\(code), 1);
                """)
        }
    }

    private func cancelledCode() throws -> Int? {
        try Connection(path: path, readOnly: true).int(
            "SELECT code FROM outcome WHERE state = 'cancelled'")
    }

    @Test func aQueueOfVersion6_isRead_asItIs() async throws {
        try makeSixthVersion()
        let queue = try SQLiteQueue(path: path, access: .read)
        #expect(try await queue.verify().filter { !$0.hasPrefix("leases") } == [])
        #expect(try await queue.counts().available == 9998)
        #expect(try await queue.batches(from: 0).summaries.map(\.cancelledAtMicros) == [nil])
        await queue.close()
    }

    @Test func aQueueOfVersion6_isMigrated_andCancelled_withSegmentsThatWereClaimed() async throws {
        try makeSixthVersion()
        let queue = try SQLiteQueue(path: path, access: .write)
        #expect(try await queue.verify() == [])
        // 4 is another outcome here.
        #expect(try cancelledCode() == 6)
        let result = try await queue.cancel(1)
        #expect(result == Cancellation(cancelled: 9999, running: 0, isNew: true))
        #expect(try await queue.verify() == [])
        let spans = try await queue.page(from: .start).spans
        #expect(spans.map(\.state) == [.completed, .cancelled])
        #expect(spans.map(\.positions) == [0..<1, 1..<10_000])
        await queue.close()
        // The view for people knows the state, too.
        let view = "SELECT state, outcome, attempts, count(*) FROM job GROUP BY 1, 2 ORDER BY 1"
        let output = folder.file("output")
        let command = "sqlite3 -readonly -nullvalue - '\(path)' '\(view)' >'\(output)' 2>&1"
        #expect(system(command) == 0)
        #expect(
            String(decoding: contents(of: output), as: UTF8.self)
                == "cancelled|-|-|9999\ncompleted|200|-|1\n")
    }

    @Test func aNewQueue_hasCode4ForIt() async throws {
        await (try SQLiteQueue(path: path, access: .create)).close()
        #expect(try cancelledCode() == 4)
    }

    @Test func whereAllCodesAreGiven_oneThatNoJobHasIsTaken() async throws {
        try makeSixthVersion(codes: 255)
        try useAllCodes(upTo: 200)
        let queue = try SQLiteQueue(path: path, access: .write)
        #expect(try cancelledCode() == 201)
        #expect(try await queue.cancel(1).cancelled == 9999 - 195)
        #expect(try await queue.verify() == [])
        #expect(try await queue.counts().failed == 195)
        await queue.close()
    }

    @Test func whereEachCodeIsSomeJobs_nothingIsCancelled() async throws {
        try makeSixthVersion(codes: 255)
        try useAllCodes(upTo: 255)
        let queue = try SQLiteQueue(path: path, access: .write)
        #expect(try cancelledCode() == nil)
        let error = await #expect(throws: QueueError.self) { try await queue.cancel(1) }
        #expect(error?.code == .noRoom)
        #expect(try await queue.batches(from: 0).summaries[0].cancelledAtMicros == nil)
        #expect(try await queue.verify() == [])
        #expect(try await queue.counts().left == 10_000 - 1 - 250)
        await queue.close()
    }
}
