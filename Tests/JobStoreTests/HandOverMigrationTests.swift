import Migrations
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Queues of schema 14, from before sealed files were handed over.
@Suite struct HandOverMigrationTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    @Test func anOlderQueue_isRead_asItIs_andMigrated() async throws {
        write([], to: path)
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
            for script in Schema.scripts.prefix(14) {
                try connection.execute(String(decoding: script, as: UTF8.self))
            }
            try connection.execute(
                """
                INSERT INTO output VALUES (1, 'responses-00001.jsonl', 'jsonl', 10, 7, 1, 1);
                PRAGMA user_version = 14; PRAGMA journal_mode = WAL;
                """)
        }
        var file = OutputFile(
            id: 1, name: "responses-00001.jsonl", format: "jsonl", bytes: 10, crc32: 7, records: 1,
            isSealed: true)
        let reader = try SQLiteQueue(path: path, access: .read)
        #expect(try await reader.output(of: .only).files == [file])
        await reader.close()

        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        let attachment = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(attachment.output.files == [file])
        try await queue.lease.handedOver(1)
        file.isHandedOver = true
        #expect(try await queue.output().files == [file])
        #expect(try await queue.verify() == [])
        await queue.close()
    }
}
