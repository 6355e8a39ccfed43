import Migrations
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Queues of schema 15, from before there were shards.
@Suite struct ShardMigrationTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    @Test func anOlderQueue_isRead_asItIs_migrated_andSplit() async throws {
        write([], to: path)
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
            for script in Schema.scripts.prefix(15) {
                try connection.execute(String(decoding: script, as: UTF8.self))
            }
            try connection.execute(
                """
                INSERT INTO batch (kind, first_id, count, url, created_at_us)
                VALUES ('range', 5, 10, 'http://127.0.0.1/{id}', 0);
                INSERT INTO span VALUES (1, 0, 10, 0, 0);
                UPDATE total SET count = 10 WHERE outcome = 0;
                INSERT INTO sink VALUES (1, '/data', 'a', '', 'jsonl', 1, 1, 0, 0);
                PRAGMA user_version = 15; PRAGMA journal_mode = WAL;
                """)
        }
        let before = contents(of: path)
        let reader = try SQLiteQueue(path: path, access: .read)
        #expect(try await reader.sites() == [.only])
        #expect(try await reader.output(of: .only).settings?.folder == "/data")
        #expect(try await reader.verify() == [])
        #expect(try await ShardLedger([path]) == nil)
        await reader.close()
        #expect(contents(of: path) == before)

        let queue = try SQLiteQueue(path: path, access: .write)
        #expect(try await queue.verify() == [])
        let split = try await queue.split(into: 2, folder: folder.file("s")) { $0.folder }
        #expect(split.counts.total == 10)
        await queue.close()
        let ledger = try #require(
            try await ShardLedger([0, 1].map { folder.file("s/\($0)/runner.db") }))
        #expect(try await ledger.page(from: .start).spans.first?.batch.ids.first == 5)
        #expect(await ledger.sites().count == 3)
        await ledger.close()
    }
}
