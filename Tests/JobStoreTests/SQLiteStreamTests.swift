import Migrations
import TestSupport
import Testing

@testable import JobStore
@testable import StoreConformance

/// Lists that are taken as they come, as SQLite keeps them.
@Suite struct SQLiteStreamTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    /// A queue with a list of three jobs, whose import died after five rows.
    private func makeUnfinished() async throws {
        let queue = try SQLiteQueue(path: path, access: .create)
        let stream = try await queue.streamList(
            lineRequest, lineFields, from: nil, mayRepeat: false, as: BatchLabel(key: "k"))
        try await stream.add(
            [block(0..<3, lane: 0)], taken: TakenPart(records: 5, lines: 6, bytes: 60))
        await queue.close()
    }

    private func change(_ sql: String) throws {
        try Connection(path: path, readOnly: false).execute(sql)
    }

    @Test(arguments: ["records = 2", "records = -1", "lines = -1", "bytes = -9"])
    func progressThatCannotBe_isToldOf(change sql: String) async throws {
        try await makeUnfinished()
        try change("UPDATE import SET \(sql)")
        let queue = try SQLiteQueue(path: path, access: .write)
        #expect(try await queue.verify() == ["lists with more jobs than lines that were taken: 1"])
        await #expect(throws: QueueError.self) { _ = try await queue.unfinishedLists() }
        await #expect(throws: QueueError.self) { _ = try await queue.resumeList(1) }
        await queue.close()
    }

    /// What an import has taken is the store's to say, and the file's alone.
    @Test func aFileThatIsKnownAgain_keepsAnyHash() async throws {
        for hash in [0, 1, UInt64.max, 1 << 63] {
            let path = folder.file("\(hash).db")
            let origin = ListOrigin(name: "a\u{FC}'.txt", byteCount: 1 << 16, hash: hash)
            let queue = try SQLiteQueue(path: path, access: .create)
            let stream = try await queue.streamList(
                lineRequest, lineFields, from: origin, mayRepeat: false, as: BatchLabel())
            try await stream.add([block(0..<1, lane: 0)], taken: TakenPart(records: 1))
            #expect(try await queue.unfinishedLists().first?.origin == origin)
            await queue.close()
        }
    }

    /// The schema before: nothing is said of how far lists were taken.
    @Test func anOlderQueue_isRead_asItIs_andMigrated() async throws {
        write([], to: path)
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
            let scripts = Schema.scripts.dropLast()
            for script in scripts {
                try connection.execute(String(decoding: script, as: UTF8.self))
            }
            try connection.execute(
                """
                INSERT INTO import (batch_id, started_at_us) VALUES (7, 1);
                PRAGMA user_version = \(scripts.count);
                PRAGMA journal_mode = WAL;
                """)
        }
        let reader = try SQLiteQueue(path: path, access: .read)
        #expect(try await reader.unfinishedLists().isEmpty)
        #expect(try await reader.verify() == [])
        await reader.close()
        try await makeUnfinished()
        let queue = try SQLiteQueue(path: path, access: .write)
        // What the older program has left is gone, and its ID was taken until then.
        #expect(try await queue.unfinishedLists().map(\.taken.records) == [5])
        #expect(try await queue.verify() == [])
        await queue.close()
    }

    @Test func additions_thatDoNotMeet_areRefused() async throws {
        let queue = try SQLiteQueue(path: path, access: .create)
        let stream = try await queue.streamList(
            lineRequest, lineFields, from: nil, mayRepeat: false, as: BatchLabel())
        for positions in [3..<5, 1..<2] {
            await #expect(throws: QueueError.self) {
                try await stream.add([block(positions, lane: 0)], taken: TakenPart(records: 9))
            }
        }
        try await stream.add([block(0..<3, lane: 0)], taken: TakenPart(records: 3))
        await #expect(throws: QueueError.self) {
            try await stream.add([block(4..<5, lane: 0)], taken: TakenPart(records: 9))
        }
        #expect(try await queue.unfinishedLists().first?.taken.records == 3)
        #expect(try await queue.verify() == [])
        await queue.close()
    }

    /// The list is not there then, and its ID is the next one's.
    @Test(arguments: [false, true])
    func aCommitThatFails_givesTheRightToAddBack(isStream: Bool) async throws {
        let queue = try SQLiteQueue(path: path, access: .create)
        // What is wrong shows in the commit, as it may on a full disk.
        try change(
            """
            CREATE TABLE none (id INTEGER PRIMARY KEY);
            CREATE TABLE wrong (id INTEGER REFERENCES none (id) DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER fails AFTER INSERT ON import BEGIN INSERT INTO wrong VALUES (1); END;
            """)
        try await queue.execute("PRAGMA foreign_keys = ON")
        func begin(in queue: SQLiteQueue) async throws {
            if isStream {
                _ = try await queue.streamList(
                    lineRequest, lineFields, from: nil, mayRepeat: false, as: BatchLabel())
            } else {
                _ = try await queue.addList(lineRequest, lineFields)
            }
        }
        let failure = await #expect(throws: QueueError.self) { try await begin(in: queue) }
        let sentence = failure?.description ?? ""
        #expect(sentence.contains("FOREIGN KEY"))
        // To this connection it is no fault.
        let other = try SQLiteQueue(path: path, access: .write)
        try await begin(in: other)
        #expect(await other.addedLists == [1])
        await other.close()
        await queue.close()
    }
}

extension SQLiteQueue {
    fileprivate func execute(_ sql: String) throws { try connection.execute(sql) }
}
