import Migrations
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Queues of schema 12, from before a run could be paused or given other limits.
@Suite struct SteeringMigrationTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    /// A queue as a runner of schema 12 left it when it was killed.
    private func makeOlder() throws {
        write([], to: path)
        let connection = try Connection(path: path, readOnly: false)
        try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
        for script in Schema.scripts.prefix(12) {
            try connection.execute(String(decoding: script, as: UTF8.self))
        }
        try connection.execute(
            """
            INSERT INTO runner (pid, workers, started_at_us, heartbeat_us) VALUES (7, 5, 1, 1);
            PRAGMA user_version = 12; PRAGMA journal_mode = WAL;
            """)
    }

    @Test func anOlderQueue_isRead_asItIs_andMigrated() async throws {
        try makeOlder()
        // As if that runner were alive.
        let lock = try LockFile(path: path + "-lock", readOnly: false)
        #expect(try lock.take(.run, patienceMillis: 0))
        let reader = try SQLiteQueue(path: path, access: .read)
        let run = try #require(try await reader.counts().runs.first)
        #expect(run.pid == 7 && run.limits.isEmpty && run.wishTaken == 0)
        #expect(try await !reader.isPaused())
        await reader.close()
        let refused = #expect(throws: QueueError.self) {
            try SQLiteQueue(path: path, access: .write)
        }
        #expect(refused?.code == .inUse)
        lock.release(.run)

        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        try await queue.queue.setPaused(true)
        _ = try await queue.attach(RunnerDescription(pid: 8, workers: 5))
        let next = try #require(try await queue.counts().runs.first)
        #expect(next.id > run.id)
        #expect(try await queue.queue.ask(["workers": "3"], of: next.id) == 1)
        #expect(
            try await queue.lease.steering()
                == Steering(isPaused: true, limits: ["workers": "3"], wish: 1))
        #expect(try await queue.verify() == [])
        await queue.close()
    }

    /// A runner that was killed leaves its wishes; they are of no other one.
    @Test func whatADeadRunnerWasAskedFor_isGone() async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .create))
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 5))
        let run = try #require(try await queue.counts().runs.first)
        _ = try await queue.queue.ask(["workers": "3"], of: run.id)
        await queue.close()
        let next = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        #expect(try await next.queue.ask(["workers": "2"], of: run.id) == nil)
        _ = try await next.attach(RunnerDescription(pid: 2, workers: 5))
        #expect(try await next.lease.steering() == Steering())
        await next.close()
        let rows = try Connection(path: path, readOnly: true).int("SELECT count(*) FROM wish")
        #expect(rows == 0)
    }
}
