import Migrations
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Queues of schema 5, from before batches had names and priorities.
@Suite struct BatchMigrationTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    /// A queue as a runner of schema 5 left it when it was killed: of 10,000 jobs it had claimed
    /// 8,192, begun one segment of these, and one job waits for a retry. A list was never claimed.
    private func makeFifthVersion() throws {
        write([], to: path)
        let connection = try Connection(path: path, readOnly: false)
        try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
        for script in Schema.scripts.prefix(5) {
            try connection.execute(String(decoding: script, as: UTF8.self))
        }
        try connection.execute(
            """
            INSERT INTO batch (kind, first_id, count, url, created_at_us, enqueue_key)
            VALUES ('range', 0, 10000, 'http://127.0.0.1/{id}', 7, 'name:monday'),
                ('range', 0, 5, 'http://127.0.0.1/{id}', 8, 'name:20260105'),
                ('range', 0, 5, 'http://127.0.0.1/{id}', 9, 'list:x');
            INSERT INTO outcome (code, state, status)
            VALUES (4, 'completed', 200), (5, 'retrying', 503);
            INSERT INTO span VALUES (1, 8192, 1808, 0), (2, 0, 5, 4), (3, 0, 5, 0);
            INSERT INTO runner (pid, workers, started_at_us, heartbeat_us) VALUES (9, 1, 0, 0);
            INSERT INTO segment VALUES
                (1, 0, 4096, 4094, 1, 1, CAST(x'0405' || zeroblob(4094) AS BLOB), 0),
                (1, 4096, 4096, 4096, 0, 1, zeroblob(4096), 0);
            INSERT INTO retry VALUES (1, 1, 1, 0, NULL);
            INSERT INTO tally VALUES (1, 4, 1), (1, 5, 1), (2, 4, 5);
            INSERT INTO total VALUES (0, 10003), (4, 6), (5, 1)
            ON CONFLICT (outcome) DO UPDATE SET count = excluded.count;
            PRAGMA user_version = 5;
            PRAGMA journal_mode = WAL;
            """)
    }

    @Test func aQueueOfVersion5_isRead_asItIs() async throws {
        try makeFifthVersion()
        let queue = try SQLiteQueue(path: path, access: .read)
        #expect(try await queue.verify().filter { !$0.hasPrefix("leases") } == [])
        #expect(try await queue.counts().available == 10_003)
        #expect(try await queue.batch(named: "monday") == nil)
        await queue.close()
    }

    @Test func aQueueOfVersion5_isMigrated_withSegmentsThatWereClaimed() async throws {
        try makeFifthVersion()
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        #expect(try await queue.verify() == [])
        let attachment = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(attachment.rescued == 4094 + 4096)
        #expect(attachment.counts.available == 10_003 && attachment.counts.retrying == 1)
        // A name of digits alone would be taken for an ID.
        #expect(try await queue.queue.batch(named: "monday")?.id == 1)
        #expect(try await queue.queue.batch(named: "20260105") == nil)
        let urgent = try await queue.enqueue(
            JobRange(first: 0, count: 1),
            request: try RequestTemplate(parsing: "http://127.0.0.1/{id}"), priority: 1)
        let claimed = try await queue.claim(jobs: 20_000)
        #expect(claimed.first?.batch == urgent)
        #expect(claimed.dropFirst().map(\.batch.id) == [1, 1, 1, 3])
        #expect(claimed[1].todo == [2..<4096])
        #expect(try await queue.verify() == [])
        await queue.close()
    }

    @Test(arguments: ["span", "segment", "lane"])
    func verify_findsAPriorityThatIsNotTheBatchs(table: String) async throws {
        try makeFifthVersion()
        let queue = try SQLiteQueue(path: path, access: .write)
        let list = try await queue.addList(
            try RequestTemplate(parsing: "http://h/{name}", fields: ["name"]),
            LineFields(["name"]))
        var builder = ListBlockBuilder()
        builder.beginLine(fields: 1)
        builder.append(nil)
        try await list.add([builder.take(first: 0, lane: 0, ListPacker())])
        _ = try await list.finish(as: BatchLabel(priority: 3))
        #expect(try await queue.verify() == [])
        await queue.close()
        try Connection(path: path, readOnly: false).execute(
            "UPDATE \(table) SET priority = priority + 1")
        let reader = try SQLiteQueue(path: path, access: .read)
        let faults = try await reader.verify()
        #expect(faults.contains { $0.hasPrefix("jobs with another priority than their batch") })
        await reader.close()
    }

    /// What a claim asks is answered by an index, in order, however many batches there are.
    @Test func claims_needNoSort() async throws {
        await (try SQLiteQueue(path: path, access: .create)).close()
        let connection = try Connection(path: path, readOnly: true)
        for sql in [
            "SELECT batch_id FROM span WHERE outcome = 0 AND priority = 1 ORDER BY batch_id, first",
            "SELECT priority FROM span WHERE outcome = 0 ORDER BY priority DESC LIMIT 1",
            """
            SELECT batch_id FROM segment WHERE todo > 0 AND runner_id IS NULL AND priority = 1
            ORDER BY batch_id, first
            """,
            "SELECT batch_id FROM lane WHERE priority = 1 ORDER BY batch_id, jobs DESC, lane",
        ] {
            let plan = try connection.prepare("EXPLAIN QUERY PLAN " + sql)
            try plan.bind([])
            while try plan.step() {
                #expect(!plan.text(3).contains("TEMP B-TREE"), "\(sql): \(plan.text(3))")
                #expect(plan.text(3).contains("INDEX"), "\(sql): \(plan.text(3))")
            }
        }
    }
}
