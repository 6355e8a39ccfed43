import Glibc
import StoreConformance
import Synchronization
import TestSupport
import Testing

@testable import JobStore

/// The conformance suite on SQLite, and what is SQLite's own.
@Suite struct SQLiteQueueTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    @Test(arguments: StoreCase.all)
    func conformance(_ storeCase: StoreCase) async throws {
        let folder = Folder()
        let stores = Atomic(0)
        try await storeCase.run { clock in
            let number = stores.add(1, ordering: .relaxed).newValue
            let path = folder.file("runner-\(number).db")
            return { try SQLiteQueue(path: path, access: .create) { clock.unixMicros } }
        }
    }

    // MARK: - Totals and heartbeats

    /// However many batches there are: none of their rows is looked at.
    @Test func counts_readsTotalsAlone() async throws {
        let queue = try await filled(20_000)
        let segment = try await queue.claim(jobs: 1)[0]
        let marks = segment.todo.joined().map {
            Mark(
                batchID: 1, position: $0, attempt: 1,
                outcome: Outcome($0 % 2 == 0 ? .completed : .failed, status: 200))
        }
        try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        try await queue.detach()
        let counts = try await queue.counts()
        #expect(counts.total == 20_000 && counts.completed == 2048 && counts.failed == 2048)
        await queue.close()
        _ = try run("sqlite3", path, "DELETE FROM tally; DELETE FROM batch; DELETE FROM span")
        let reader = StoreClient(to: try self.queue(.read))
        #expect(try await reader.counts() == counts)
        await reader.close()
    }

    /// 11 s ago, and 11 s ahead of a clock that was set back.
    @Test(arguments: [-11_000_000, 11_000_000])
    func aHeartbeatThatIsNotOfNow_tellsNothing(ageMicros: Int) async throws {
        let queue = try await filled(10)
        try await queue.commit([], heartbeat: Heartbeat(requestsPerSecond: 5, trouble: "away"))
        #expect(try await queue.counts().runs.first?.trouble == "away")
        _ = try run(
            "sqlite3", path, "UPDATE runner SET heartbeat_us = heartbeat_us + \(ageMicros)")
        let run = try #require(try await queue.counts().runs.first)
        #expect(run.requestsPerSecond == 0 && run.trouble == nil && run.workers == 1)
        await queue.close()
    }

    @Test(arguments: [
        "UPDATE total SET count = -1 WHERE outcome = 0",
        "UPDATE total SET count = 9223372036854775807",
        "UPDATE total SET count = -9223372036854775807 - 1",
    ])
    func counts_namesTotalsThatCannotBe(sql: String) async throws {
        let queue = try await filled(10)
        let segment = try await queue.claim(jobs: 1)[0]
        try await queue.commit(
            [Mark(batchID: 1, position: 0, attempt: 1, outcome: Outcome(.failed, .tls))],
            heartbeat: Heartbeat(requestsPerSecond: 1))
        #expect(segment.count == 10)
        await queue.close()
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute("PRAGMA ignore_check_constraints = ON; \(sql)")
        }
        let reader = StoreClient(to: try self.queue(.read))
        let error = await #expect(throws: QueueError.self) { try await reader.counts() }
        #expect(error?.code == .damaged)
        await reader.close()
    }

    // MARK: - The file

    private func queue(_ access: SQLiteQueue.Access = .create) throws -> SQLiteQueue {
        try SQLiteQueue(path: path, access: access)
    }

    private func filled(_ count: Int) async throws -> StoreClient {
        let queue = StoreClient(to: try queue())
        _ = try await queue.enqueue(
            JobRange(first: 0, count: count),
            request: try RequestTemplate(parsing: "http://127.0.0.1/{id}"))
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        return queue
    }

    private func rows(_ sql: String) throws -> Int {
        try Connection(path: path, readOnly: true).int(sql) ?? 0
    }

    @Test func aFinishedQueueIsOneSpan() async throws {
        let queue = try await filled(50_000)
        while let segment = try await queue.claim(jobs: 1).first {
            let marks = segment.todo.flatMap { $0 }.map {
                Mark(
                    batchID: 1, position: $0, attempt: 1, outcome: Outcome(.completed, status: 200))
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        try await queue.detach()
        await queue.close()
        #expect(try rows("SELECT count(*) FROM span") == 1)
        #expect(try rows("SELECT count FROM span") == 50_000)
        #expect(try rows("SELECT count(*) FROM segment") == 0)
    }

    @Test func mixedSegmentsAreDeflated() async throws {
        let queue = try await filled(40_960)
        while let segment = try await queue.claim(jobs: 1).first {
            let marks = segment.todo.flatMap { $0 }.map {
                Mark(
                    batchID: 1, position: $0, attempt: 1,
                    outcome: $0 % 97 == 0
                        ? Outcome(.failed, status: 404) : Outcome(.completed, status: 200))
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        #expect(try await queue.verify() == [])
        await queue.close()
        #expect(try rows("SELECT count(*) FROM segment") == 10)
        #expect(try rows("SELECT max(length(outcomes)) FROM segment") < 300)
    }

    @Test func aQueueIsOneFileOfOurOwn_afterClosing() async throws {
        let queue = try queue()
        await queue.close()
        #expect(contents(of: path + "-wal").isEmpty)
        #expect(contents(of: folder.file(".runner.db-draft")).isEmpty)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try rows("PRAGMA application_id") == QueueFile.applicationID)
        #expect(try rows("PRAGMA user_version") == Migrator.latest)
    }

    /// What a killed run has left under the draft's name goes; somebody's file, or a queue that is
    /// merely called so, does not.
    @Test(arguments: ["", "left", "others"])
    func aDraftIsOurs_orStays(_ kind: String) async throws {
        let draft = folder.file(".runner.db-draft")
        let other = try SQLiteQueue(path: path + "-new", access: .create)
        await other.close()
        if kind == "left" {
            write(contents(of: path + "-new"), to: draft)
        } else {
            write(Array(kind.utf8), to: draft)
        }
        let before = contents(of: path + "-new")
        do {
            let queue = try queue()
            await queue.close()
            #expect(kind != "others" && contents(of: draft).isEmpty)
        } catch let error as QueueError {
            #expect(kind == "others" && error.code == .notAQueue, "\(error)")
            #expect(
                error.description.contains(draft) && contents(of: draft) == Array("others".utf8))
        }
        #expect(contents(of: path + "-new") == before)
    }

    @Test func aReaderLeavesTheFileAsItWas() async throws {
        let writer = try await filled(100)
        try await writer.detach()
        await writer.close()
        let before = contents(of: path)
        let reader = StoreClient(to: try queue(.read))
        #expect(try await reader.counts().total == 100)
        await #expect(throws: QueueError.self) {
            try await reader.enqueue(
                JobRange(first: 0, count: 1),
                request: try RequestTemplate(parsing: "http://127.0.0.1/{id}"))
        }
        await reader.close()
        #expect(contents(of: path) == before)
    }

    @Test func linksToAQueueShareItsLock() async throws {
        let writer = try await filled(100)
        let link = folder.file("link.db")
        #expect(symlink(path, link) == 0)
        let other = StoreClient(to: try SQLiteQueue(path: link, access: .write))
        let error = await #expect(throws: QueueError.self) {
            try await other.attach(RunnerDescription(pid: 2, workers: 1))
        }
        #expect(error?.code == .inUse)
        await other.close()
        await writer.close()
    }

    @Test func theJobViewUnfoldsEverything() async throws {
        let queue = try await filled(5000)
        let segment = try await queue.claim(jobs: 1)[0]
        let marks = segment.todo.flatMap { $0 }.prefix(4000).map {
            Mark(
                batchID: 1, position: $0, attempt: 1,
                outcome: $0 == 7
                    ? Outcome(.failed, .timeout)
                    : $0 == 9 ? Outcome(.retrying, status: 503) : Outcome(.completed, status: 200))
        }
        try await queue.commit(Array(marks), heartbeat: Heartbeat(requestsPerSecond: 1))
        await queue.close()
        let shell = try run(
            "sqlite3", path,
            "SELECT count(*), count(DISTINCT id) FROM job; SELECT * FROM job WHERE id IN (6, 7, 9, 4095, 4999) ORDER BY id; SELECT state, count(*) FROM job GROUP BY state ORDER BY state"
        )
        #expect(
            shell == """
                5000|5000
                1|6|http://127.0.0.1/6|completed|200|
                1|7|http://127.0.0.1/7|failed|timeout|
                1|9|http://127.0.0.1/9|retrying|503|1
                1|4095|http://127.0.0.1/4095|running||0
                1|4999|http://127.0.0.1/4999|available||0
                available|904
                completed|3998
                failed|1
                retrying|1
                running|96

                """)
    }

    /// Runs a program and returns what it prints.
    private func run(_ arguments: String...) throws -> String {
        let output = folder.file("output")
        let command =
            arguments.map { "'" + $0.replacing("'", with: "'\\''") + "'" }
            .joined(separator: " ") + " >'\(output)' 2>&1"
        #expect(system(command) == 0)
        return String(decoding: contents(of: output), as: UTF8.self)
    }

    /// To close any descriptor of the file would drop the first instance's locks; the next process
    /// to come would then remove the log under it.
    @Test func aSecondInstance_leavesTheFirstItsLocks() async throws {
        let first = try await filled(1000)
        let segment = try await first.claim(jobs: 1)[0]
        for _ in 0..<3 {
            let second = StoreClient(to: try queue(.write))
            #expect(try await second.counts().total == 1000)
            await second.close()
        }
        // As an `enqueue` of another process: the last to close removes the log.
        _ = try run("sqlite3", path, "SELECT count(*) FROM batch")
        let marks = segment.todo.flatMap { $0 }.map {
            Mark(batchID: 1, position: $0, attempt: 1, outcome: Outcome(.completed, status: 200))
        }
        try await first.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        #expect(try run("sqlite3", path, "SELECT sum(count) FROM tally") == "1000\n")
        await first.close()
    }

    // MARK: - Files that are no queue

    private func expectRefused(
        _ code: QueueError.Code, _ access: SQLiteQueue.Access, says word: String,
        remedy: QueueError.Remedy? = nil
    ) {
        let before = contents(of: path)
        let error = #expect(throws: QueueError.self) { try queue(access) }
        #expect(error?.code == code)
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
        #expect(error?.description.contains("\n") == false)
        #expect(error?.remedy == remedy)
        #expect(contents(of: path) == before)
    }

    @Test(arguments: [SQLiteQueue.Access.read, .write])
    func aMissingQueueIsRefused(access: SQLiteQueue.Access) {
        expectRefused(.missing, access, says: "no queue", remedy: .makeQueue(path: path))
        write([], to: path)
        expectRefused(.missing, access, says: "no queue", remedy: .makeQueue(path: path))
    }

    @Test(arguments: [SQLiteQueue.Access.read, .write, .create])
    func aFolderIsRefused(access: SQLiteQueue.Access) {
        mkdir(path, 0o700)
        expectRefused(.notAQueue, access, says: "folder", remedy: .nameFile(inFolder: path))
    }

    @Test(arguments: [SQLiteQueue.Access.read, .write, .create])
    func aTextFileIsRefused(access: SQLiteQueue.Access) {
        write(Array(repeating: 65, count: 5000), to: path)
        expectRefused(
            .notAQueue, access, says: "not a SQLite database", remedy: .nameAnotherFile)
    }

    @Test(arguments: [SQLiteQueue.Access.read, .write, .create])
    func someoneElsesDatabaseIsRefused(access: SQLiteQueue.Access) throws {
        _ = try run("sqlite3", path, "CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        expectRefused(
            .notAQueue, access, says: "not a queue of runner", remedy: .nameAnotherFile)
    }

    @Test(arguments: [SQLiteQueue.Access.read, .write, .create])
    func aNewerQueueIsRefused(access: SQLiteQueue.Access) async throws {
        await (try queue()).close()
        _ = try run("sqlite3", path, "PRAGMA user_version = 99")
        expectRefused(.newer, access, says: "newer runner", remedy: .upgrade)
    }

    @Test func aSecondHardLinkIsRefused() async throws {
        await (try queue()).close()
        #expect(link(path, folder.file("other.db")) == 0)
        expectRefused(.notAQueue, .write, says: "hard links")
    }

    @Test func aDamagedQueueIsNamed() async throws {
        let queue = try await filled(10)
        await queue.close()
        var bytes = contents(of: path)
        for index in 4096..<bytes.count { bytes[index] = UInt8(truncatingIfNeeded: index &* 31) }
        write(bytes, to: path)
        let error = await #expect(throws: QueueError.self) { try await self.queue(.read).counts() }
        #expect(error?.code == .damaged)
        #expect(error?.remedy == .restoreCopy(orRecover: path))
    }

    @Test func aTruncatedQueueIsNamed() async throws {
        let queue = try await filled(10)
        await queue.close()
        #expect(truncate(path, 20_000) == 0)
        let error = await #expect(throws: QueueError.self) { try await self.queue(.read).counts() }
        #expect(error?.code == .damaged)
    }

    // MARK: - What verify finds

    @Test(arguments: [
        ("UPDATE tally SET count = count + 1", "tally of outcome"),
        ("DELETE FROM tally", "tally of outcome"),
        ("UPDATE span SET count = count - 1 WHERE outcome = 0", "holds 20000 jobs"),
        ("UPDATE span SET first = first + 1 WHERE outcome = 0", "in no span or segment"),
        ("UPDATE span SET first = first - 1, count = count + 1 WHERE outcome = 0", "overlap"),
        ("DELETE FROM segment WHERE first = 4096", "in no span or segment"),
        ("UPDATE segment SET todo = todo + 1 WHERE first = 4096", "todo says"),
        ("UPDATE segment SET retrying = 5 WHERE first = 4096", "retrying says"),
        ("UPDATE segment SET outcomes = x'0102' WHERE first = 4096", "do not unpack"),
        ("UPDATE segment SET runner_id = 77", "leases of no runner"),
        ("DELETE FROM retry", "table retry does not match"),
        ("INSERT INTO retry VALUES (1, 19999, 1, 0, NULL, 0, 0)", "retries outside"),
        ("INSERT INTO span VALUES (9, 0, 5, 0, 0)", "spans of no batch"),
        ("DELETE FROM outcome WHERE status = 200", "not in the table outcome"),
        ("UPDATE total SET count = count + 1 WHERE outcome = 0", "total of outcome 0 says"),
        ("DELETE FROM total WHERE outcome <> 0", "total of outcome 5 says 0"),
        ("INSERT INTO total VALUES (9, 3)", "total of outcome 9 says 3, there are 0"),
        ("INSERT INTO tally VALUES (1, 9, 3)", "tally of outcome 9 says 3, there are 0"),
        ("INSERT INTO tally VALUES (3, 4, 3)", "tallies of no batch: 1"),
        ("INSERT INTO retry VALUES (3, 4, 1, 0, NULL, 0, 0)", "retries outside a segment: 1"),
        (
            "INSERT INTO batch (id, kind, first_id, count, url, created_at_us) SELECT 2, kind, 0, 7, url, 0 FROM batch",
            "batch 2: tiled to 0, holds 7"
        ),
    ])
    func verifyFinds(sql: String, fault: String) async throws {
        let queue = try await filled(20_000)
        let segments = try await queue.claim(jobs: 8192)
        for (index, segment) in segments.enumerated() {
            let marks = segment.todo.flatMap { $0 }.filter { index == 0 || $0 % 3 == 0 }.map {
                Mark(
                    batchID: 1, position: $0, attempt: 1,
                    outcome: $0 == 6000
                        ? Outcome(.retrying, .dns) : Outcome(.completed, status: 200))
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        #expect(try await queue.verify() == [])
        await queue.close()
        _ = try run("sqlite3", path, sql)
        let reader = StoreClient(to: try self.queue(.read))
        let faults = try await reader.verify()
        #expect(faults.contains { $0.contains(fault) }, "\(faults)")
        await reader.close()
    }
}
