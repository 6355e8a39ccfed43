import Migrations
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Validators, their packed form, and how the store in SQLite keeps them.
@Suite struct ValidatorsTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }
    private let beat = Heartbeat(requestsPerSecond: 1)

    @Test(arguments: [
        ("\"\"", true), ("\"x\"", true), ("W/\"x\"", true), ("W/\"\"", true), ("\"é\"", true),
        ("x", false), ("\"", false), ("", false), ("W/x", false), ("w/\"x\"", false),
        ("\"a\"b\"", false), ("\"a b\"", false), ("\"a\u{1}\"", false), ("\"a\u{7F}\"", false),
        ("\"a\", \"b\"", false), ("W/", false), ("W/\"", false),
    ])
    func entityTags(_ text: String, _ isOne: Bool) {
        #expect(Validators.isEntityTag(Array(text.utf8)) == isOne)
    }

    @Test func entityTags_haveABound() {
        func tag(_ count: Int) -> [UInt8] {
            [0x22] + [UInt8](repeating: 0x61, count: count - 2) + [0x22]
        }
        #expect(Validators.isEntityTag(tag(256)) && !Validators.isEntityTag(tag(257)))
        #expect(Validators(entityTag: tag(256), lastModifiedSeconds: nil)?.entityTag == tag(256))
    }

    @Test func packed_readsAsItWas() {
        let tags = [nil, "\"\"", "W/\"\"", "\"a-b\"", "W/\"\u{E9}\""].map {
            $0.map { Array($0.utf8) }
        }
        for tag in tags {
            for date in [nil, 0, -1, 784_111_777, -12_212_553_600, 253_402_300_799] {
                let validators = Validators(entityTag: tag, lastModifiedSeconds: date)
                #expect((validators == nil) == (tag == nil && date == nil))
                #expect(validators?.entityTag == tag && validators?.lastModifiedSeconds == date)
            }
        }
    }

    /// A date that HTTP cannot write is none, whoever gives it.
    @Test(arguments: [Int.min, -12_212_553_601, 253_402_300_800, Int.max])
    func dates_haveBounds(_ date: Int) {
        #expect(Validators(entityTag: nil, lastModifiedSeconds: date) == nil)
        let tag = Array("\"x\"".utf8)
        #expect(
            Validators(entityTag: tag, lastModifiedSeconds: date)?.lastModifiedSeconds == nil)
        var packed: [UInt8] = [1]
        packed.append(number: UInt(bitPattern: date << 1 ^ date >> 63))
        var reader = NumberReader(packed[...])
        #expect(Validators(&reader) == nil)
    }

    @Test(arguments: [[0], [2], [3, 0], [10, 0x22], [8, 0x20], [1]] as [[UInt8]])
    func whatIsNoValidators_isRefused(_ bytes: [UInt8]) {
        var reader = NumberReader(bytes[...])
        #expect(Validators(&reader) == nil)
    }

    @Test func parts_areReadOrRefused_whateverTheirBytes() throws {
        let seed = testSeed(for: "parts_areReadOrRefused")
        var random = SeededGenerator(seed: seed)
        let all = (0..<4096).filter { $0 % 3 > 0 }.map {
            ValidatorPart.Entry(8192 + $0, Self.validators($0))
        }
        for entries in [all, Array(all.prefix(1)), []] {
            let bytes = ValidatorPart.packed(entries, page: 2, by: ListPacker())
            #expect(ValidatorPart.entries(in: bytes, page: 2) == entries)
        }
        let bytes = ValidatorPart.packed(Array(all.prefix(40)), page: 2, by: ListPacker())
        let plain =
            [ListBlock.Packing.plain.rawValue]
            + (Zstd.unpacked(bytes[1...], bytesMax: 1 << 20) ?? [])
        for _ in 0..<5000 {
            var hostile = plain
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                hostile[Int.random(in: hostile.indices, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            let cut = hostile.prefix(Int.random(in: 0...hostile.count, using: &random))
            for entry in ValidatorPart.entries(in: Array(cut), page: 2) ?? [] {
                #expect((8192..<12_288).contains(entry.position), "seed \(seed)")
                var reader = NumberReader(entry.packed)
                let validators = try #require(Validators(&reader))
                let (tag, date) = (validators.entityTag, validators.lastModifiedSeconds)
                #expect(tag != nil || date != nil)
                #expect(tag.map { Validators.isEntityTag($0) } ?? true)
                #expect(date.map { Validators.dates.contains($0) } ?? true)
            }
        }
    }

    private static func validators(_ number: Int) -> Validators {
        Validators(
            entityTag: Array("\(number % 2 == 0 ? "W/" : "")\"\(number)\"".utf8),
            lastModifiedSeconds: number % 5 == 0 ? nil : number)!
    }

    private func mark(_ position: Int, of batch: Batch.ID, attempt: Int = 1) -> Mark {
        Mark(
            batchID: batch, position: position, attempt: attempt,
            outcome: Outcome(.completed, status: 200), validators: Self.validators(position))
    }

    /// A queue of a batch of 5,000 jobs, those of odd positions with validators, which came in
    /// commits of random sizes, more than a page has parts.
    private func makeQueue(_ random: inout SeededGenerator) async throws -> SQLiteQueue {
        let queue = try SQLiteQueue(path: path, access: .create)
        let range = JobRange(first: 0, count: 5000)
        _ = try await queue.enqueue(range, request: try RequestTemplate(parsing: "http://h/{id}"))
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        _ = try await lease.claim(jobs: 5000)
        var left = (0..<5000).shuffled(using: &random)
        while !left.isEmpty {
            let taken = left.prefix(.random(in: 1...60, using: &random))
            left.removeFirst(taken.count)
            let marks = taken.map { position in
                position % 2 == 1
                    ? mark(position, of: 1)
                    : Mark(
                        batchID: 1, position: position, attempt: 1,
                        outcome: Outcome(.completed, status: 200))
            }
            try await lease.commit(marks, heartbeat: beat)
        }
        try await lease.detach()
        return queue
    }

    @Test func validators_goWithTheSegments_ofABatchThatAsksByThem() async throws {
        var random = SeededGenerator(seed: testSeed(for: "validators_goWithTheSegments"))
        let queue = try await makeQueue(&random)
        #expect(try await queue.verify() == [])
        #expect(try await queue.validatorCount(of: 1) == 2500)
        let parts = try Connection(path: path, readOnly: true).int("SELECT count(*) FROM validator")
        #expect(try #require(parts) <= 2 * 64)
        let range = JobRange(first: 0, count: 5000)
        let request = try RequestTemplate(parsing: "http://h/{id}")
        _ = try await queue.enqueue(.range(range, request), as: BatchLabel())
        _ = try await queue.enqueue(.range(range, request), as: BatchLabel(conditionalOn: 1))
        #expect(try await queue.verify() == [])
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let segments = try await lease.claim(jobs: 10_000).segments
        for segment in segments {
            #expect((segment.validators == nil) == (segment.batch.id == 2))
            for position in segment.todo.joined() where segment.batch.id == 3 {
                let expected = position % 2 == 1 ? Self.validators(position) : nil
                #expect(segment.validators?[position] == expected)
            }
        }
        // What is tried again is asked for so, too.
        try await lease.commit(
            [3, 4, 4099].map {
                Mark(
                    batchID: 3, position: $0, attempt: 1,
                    outcome: Outcome(.retrying, status: 503))
            }, heartbeat: beat)
        let retries = try await lease.claimRetries(limit: 9).jobs
        #expect(
            retries.map { $0.validators?[$0.position] }
                == [Self.validators(3), nil, Self.validators(4099)])
        // And so is what was given back.
        try await lease.detach()
        let next = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
        let again = try await next.claim(jobs: 10_000).segments.filter { $0.batch.id == 3 }
        #expect(again.first { $0.todo[0].contains(1) }?.validators?[1] == Self.validators(1))
        await queue.close()
    }

    /// The responses are lost: nobody may ask whether they have changed, and those that are fetched
    /// anew bring other validators.
    @Test func validators_goWithTheJobs_whoseFolderIsForgotten() async throws {
        var random = SeededGenerator(seed: testSeed(for: "validators_ofForgottenJobs"))
        let queue = try await makeQueue(&random)
        let range = JobRange(first: 0, count: 5000)
        let request = try RequestTemplate(parsing: "http://h/{id}")
        let first = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let output = OutputSettings(
            folder: "/data/responses", identity: "c0ffee", format: "jsonl", rotateBytes: 1 << 30,
            keepsBodies: true, keepsFailures: false)
        try await first.keepOutput(output, [])
        try await first.detach()
        let lost = [10..<20, 4000..<4200]
        let call = try await queue.beginForgetting([.only])
        try await queue.putBack(lost, of: 1, lostWith: call)
        #expect(try await queue.verify() == [])
        #expect(try await queue.validatorCount(of: 1) == 2500 - 105)
        _ = try await queue.enqueue(.range(range, request), as: BatchLabel(conditionalOn: 1))
        try await queue.putBack([0..<5000], of: 1, lostWith: call)
        #expect(try await queue.validatorCount(of: 1) == 0)
        try await queue.endForgetting(call)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let segments = try await lease.claim(jobs: 10_000).segments
        #expect(segments.reduce(0) { $0 + $1.count } == 10_000)
        #expect(segments.allSatisfy { $0.validators == nil })
        try await lease.commit(
            (0..<5000).map { self.mark($0, of: 1, attempt: 1) }, heartbeat: beat)
        #expect(try await queue.validatorCount(of: 1) == 5000)
        #expect(try await queue.verify() == [])
        try await lease.detach()
        await queue.close()
    }

    @Test func aRefusedCommit_keepsNothing() async throws {
        var random = SeededGenerator(seed: testSeed(for: "aRefusedCommit"))
        let queue = try await makeQueue(&random)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        await #expect(throws: QueueError.self) {
            try await lease.commit([self.mark(2, of: 1)], heartbeat: self.beat)
        }
        #expect(try await queue.validatorCount(of: 1) == 2500)
        #expect(try await queue.verify() == [])
        await #expect(throws: QueueError.self) {
            _ = try await queue.enqueue(
                .range(
                    JobRange(first: 0, count: 5001),
                    try RequestTemplate(parsing: "http://h/{id}")),
                as: BatchLabel(conditionalOn: 1))
        }
        #expect(try await queue.counts().total == 5000)
        await queue.close()
    }

    /// A queue that keeps none has no table for them.
    @Test func queuesWithoutValidators_haveNoTable() async throws {
        let queue = try SQLiteQueue(path: path, access: .create)
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 1), request: try RequestTemplate(parsing: "http://h/{id}"))
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        _ = try await lease.claim(jobs: 1)
        try await lease.commit(
            [
                Mark(
                    batchID: 1, position: 0, attempt: 1, outcome: .unchanged)
            ], heartbeat: beat)
        #expect(
            try Connection(path: path, readOnly: true).int(
                "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'validator%'") == 0)
        #expect(try await queue.counts().outcomes.map(\.label) == ["unchanged"])
        await queue.close()
    }

    @Test(arguments: [
        ("UPDATE validator SET page = 7 WHERE page = 1", "which is not there"),
        ("UPDATE validator SET batch_id = 9", "batch 9, which is not there"),
        ("UPDATE validator SET bytes = x'00FFFF'", "do not read"),
        ("UPDATE validator SET bytes = x''", "do not read"),
        ("UPDATE validator SET jobs = jobs + 1", "other validators than it counts"),
        (
            """
            INSERT INTO validator SELECT batch_id, page, part + 100, jobs, bytes FROM validator
            """, "validators twice"
        ),
        ("UPDATE batch SET conditional_on = 1", "validators of no batch like them: 1"),
        ("UPDATE validator SET bytes = x'000002'", "do not read"),
        ("UPDATE validator SET bytes = x'000001FFFFFFFFFFFFFFFFFF01'", "do not read"),
        ("UPDATE validator SET part = 9223372036854775807 - part", "have a part 92233720368547"),
        (
            """
            UPDATE validator SET page = 9223372036854775807
            WHERE rowid = (SELECT max(rowid) FROM validator)
            """, "do not read"
        ),
    ])
    func verify_findsFaults(_ sql: String, _ fault: String) async throws {
        var random = SeededGenerator(seed: testSeed(for: "verify_findsFaults"))
        let queue = try await makeQueue(&random)
        await queue.close()
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute("PRAGMA ignore_check_constraints = ON; \(sql)")
        }
        let reader = try SQLiteQueue(path: path, access: .read)
        let faults = try await reader.verify()
        #expect(faults.contains { $0.contains(fault) }, "\(faults.prefix(3))")
        await reader.close()
    }

    /// Queues of schema 17, from before validators were kept.
    @Test func anOlderQueue_isRead_asItIs_andMigrated() async throws {
        write([], to: path)
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
            for script in Schema.scripts.prefix(17) {
                try connection.execute(String(decoding: script, as: UTF8.self))
            }
            try connection.execute(
                """
                INSERT INTO batch (kind, first_id, count, url, created_at_us)
                VALUES ('range', 5, 10, 'http://127.0.0.1/{id}', 0);
                INSERT INTO span VALUES (1, 0, 10, 0, 0);
                UPDATE total SET count = 10 WHERE outcome = 0;
                PRAGMA user_version = 17; PRAGMA journal_mode = WAL;
                """)
        }
        let before = contents(of: path)
        let reader = try SQLiteQueue(path: path, access: .read)
        #expect(try await reader.verify() == [])
        #expect(try await reader.validatorCount(of: 1) == 0)
        await reader.close()
        #expect(contents(of: path) == before)
        let queue = try SQLiteQueue(path: path, access: .write)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        _ = try await lease.claim(jobs: 10)
        try await lease.commit([mark(3, of: 1)], heartbeat: beat)
        #expect(try await queue.validatorCount(of: 1) == 1)
        #expect(try await queue.verify() == [])
        await queue.close()
    }
}
