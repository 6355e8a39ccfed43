import Migrations
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// What a queue remembers of its output, in SQLite; and queues from before there was any.
@Suite struct SQLiteOutputTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    // MARK: - Migration

    /// A queue as version 1 of the schema left it: 100 jobs, of which 40 are completed.
    private func makeFirstVersion() throws {
        write([], to: path)
        let connection = try Connection(path: path, readOnly: false)
        try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
        try connection.execute(String(decoding: Schema.scripts[0], as: UTF8.self))
        try connection.execute(
            """
            PRAGMA user_version = 1;
            INSERT INTO batch (kind, first_id, count, url, created_at_us)
            VALUES ('range', 0, 100, 'http://127.0.0.1/{id}', 0);
            INSERT INTO outcome (code, state, status) VALUES (4, 'completed', 200);
            INSERT INTO span VALUES (1, 0, 40, 4), (1, 40, 60, 0);
            INSERT INTO tally VALUES (1, 4, 40);
            PRAGMA journal_mode = WAL;
            """)
    }

    private func version() throws -> Int {
        try Connection(path: path, readOnly: true).int("PRAGMA user_version") ?? 0
    }

    @Test(arguments: [SQLiteQueue.Access.write, .create])
    func aQueueOfVersion1_isMigrated(access: SQLiteQueue.Access) async throws {
        try makeFirstVersion()
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: access))
        let attachment = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(attachment.counts.completed == 40 && attachment.counts.available == 60)
        #expect(attachment.output == QueueOutput(settings: nil, files: [], completedBefore: 0))
        let settings = OutputSettings(
            folder: "/data", identity: "c0ffee", format: "jsonl", rotateBytes: 1, keepsBodies: true,
            keepsFailures: true)
        try await queue.keepOutput(settings, [])
        #expect(try await queue.output().completedBefore == 40)
        #expect(try await queue.verify() == [])
        try await queue.detach()
        await queue.close()
        #expect(try version() == Migrator.latest)
    }

    @Test(arguments: [1, 2])
    func anOlderQueue_getsItsTotals(version: Int) async throws {
        try makeFirstVersion()
        do {
            let connection = try Connection(path: path, readOnly: false)
            if version == 2 {
                try connection.execute(String(decoding: Schema.scripts[1], as: UTF8.self))
            }
            try connection.execute(
                """
                INSERT INTO batch (kind, first_id, count, url, created_at_us)
                VALUES ('range', 7, 5, 'http://127.0.0.1/{id}', 0);
                INSERT INTO outcome (code, state, status) VALUES (5, 'failed', 404);
                INSERT INTO span VALUES (2, 0, 2, 4), (2, 2, 3, 5);
                INSERT INTO tally VALUES (2, 4, 2), (2, 5, 3);
                PRAGMA user_version = \(version);
                """)
        }
        let reader = try SQLiteQueue(path: path, access: .read)
        let before = try await reader.counts()
        #expect(try await reader.verify() == [])
        await reader.close()
        #expect(before.total == 105 && before.completed == 42 && before.failed == 3)

        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        #expect(try await queue.counts() == before)
        #expect(try await queue.verify() == [])
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 10),
            request: try RequestTemplate(parsing: "http://127.0.0.1/{id}"))
        #expect(try await queue.counts().total == 115)
        #expect(try await queue.verify() == [])
        await queue.close()
        let totals = try Connection(path: path, readOnly: true)
        #expect(
            try totals.text("SELECT group_concat(outcome || ':' || count) FROM total")
                == "0:70,4:42,5:3")
    }

    @Test func aQueueOfVersion1_isRead_asItIs() async throws {
        try makeFirstVersion()
        let before = contents(of: path)
        let queue = try SQLiteQueue(path: path, access: .read)
        #expect(try await queue.counts().completed == 40)
        let page = try await queue.page(from: .start)
        #expect(page.spans.map(\.positions) == [0..<40, 40..<100])
        await queue.close()
        #expect(contents(of: path) == before)
    }

    @Test func aQueueOfVersion1_isNotMigrated_whileARunnerWorksOnIt() throws {
        try makeFirstVersion()
        let runner = try LockFile(path: path + "-lock", readOnly: false)
        #expect(try runner.take(.run, patienceMillis: 0))
        for access in [SQLiteQueue.Access.write, .create] {
            let error = #expect(throws: QueueError.self) {
                try SQLiteQueue(path: path, access: access)
            }
            #expect(error?.code == .inUse)
            #expect(error?.description.contains("older runner") == true)
        }
        #expect(try version() == 1)
        runner.release(.run)
        _ = try SQLiteQueue(path: path, access: .write)
        #expect(try version() == Migrator.latest)
    }
}
