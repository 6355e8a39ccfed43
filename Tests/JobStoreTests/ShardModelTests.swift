import Foundation
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Random queues that are split, run in parts and merged, compared with a table of all jobs.
/// `RUNNER_TEST_ROUNDS=100` tries more of them.
@Suite struct ShardModelTests {
    @Test(.timeLimit(.minutes(20)))
    func anyQueue_isTheUnionOfItsShards_andTheirMerge() async throws {
        var random = SeededGenerator(seed: testSeed(for: "anyQueue_isTheUnionOfItsShards"))
        var kinds: Set<String> = []
        for _ in 0..<setting("RUNNER_TEST_ROUNDS", default: 4) {
            var model = ShardModel(random)
            try await model.run()
            random = model.random
            kinds.formUnion(model.kinds)
            guard model.isRight else { return }
        }
        // What the tables held when they were cut, so that each kind was tried.
        #expect(kinds.isSuperset(of: ["mixed", "block", "cancelled"]))
    }
}

/// A job as people see it, wherever it is kept.
private struct TableKey: Hashable {
    let batch: Batch.ID
    let id: Int
}

private struct ShardModel {
    var random: SeededGenerator
    private(set) var isRight = true
    private(set) var kinds: Set<String> = []

    private let folder = Folder()
    private var path: String { folder.file("big.db") }
    /// The state, outcome and URL of each job.
    private var table: [TableKey: String] = [:]
    /// What is kept of retries.
    private var retries: [String] = []
    private let clock = TestClock()

    private static let outcomes = [
        Outcome(.completed, status: 200), Outcome(.completed, status: 204),
        Outcome(.failed, status: 404), Outcome(.failed, .timeout), Outcome(.retrying, .timeout),
        Outcome(.retrying, status: 503),
    ]

    init(_ random: SeededGenerator) { self.random = random }

    mutating func run() async throws {
        try await makeQueue()
        try await learn(from: path)
        try noteKinds()
        let count = Int.random(in: 1...6, using: &random)
        let queue = try SQLiteQueue(path: path, access: .write)
        _ = try await queue.split(into: count, folder: folder.file("s")) { $0.folder }
        await queue.close()
        let shards = (0..<count).map { folder.file("s/\($0)/runner.db") }
        try await expectTable(of: shards, "split")
        for shard in shards where Bool.random(using: &random) {
            try await work(on: shard, steps: 3, mayAdd: false)
        }
        try await learn(from: shards)
        let all = folder.file("all.db")
        _ = try await QueueMerger(shards.shuffled(using: &random), to: all) { settings, _ in
            settings.folder
        } isClosed: { _, _ in
            true
        }.run()
        try await expectTable(of: [all], "merge")
        // The merged queue is worked on, and split, as any other.
        try await work(on: all, steps: 2, mayAdd: true)
        try await learn(from: all)
        let merged = try SQLiteQueue(path: all, access: .write)
        _ = try await merged.split(into: 2, folder: folder.file("t")) { $0.folder }
        await merged.close()
        try await expectTable(of: (0..<2).map { folder.file("t/\($0)/runner.db") }, "again")
    }

    // MARK: - Queues

    private mutating func makeQueue() async throws {
        let clock = clock
        let queue = StoreClient(
            to: try SQLiteQueue(path: path, access: .create) { clock.unixMicros }, clock)
        let counts = [
            Int.random(in: 5000...12_000, using: &random), Int.random(in: 1...9, using: &random),
            Int.random(in: 100...2000, using: &random),
        ]
        for (index, count) in counts.enumerated() {
            let step = Int.random(in: 1...3, using: &random)
            _ = try await queue.enqueue(
                JobRange(first: 10 * index, count: count, step: step),
                request: try RequestTemplate(parsing: "http://h\(index)/{id}"),
                name: "range \(index)", priority: Int.random(in: 0...1, using: &random))
        }
        try await addList(to: queue.queue)
        try await markOfEachKind(on: queue)
        await queue.close()
        try await work(on: path, steps: 8, mayAdd: true)
        // Blocks that nobody has begun.
        let adding = try SQLiteQueue(path: path, access: .write)
        _ = try await adding.cancel(2)
        try await addList(to: adding)
        await adding.close()
    }

    /// Leaves a mixed segment, and one that is begun, with retries, whatever is drawn.
    private func markOfEachKind(on queue: StoreClient) async throws {
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let jobs = try await queue.claim(jobs: 9000).flatMap { segment in
            segment.todo.joined().map { (segment.batch.id, $0) }
        }
        let marks = jobs.enumerated().filter { $0.offset < 5000 || $0.offset % 2 == 0 }.map {
            Mark(
                batchID: $0.element.0, position: $0.element.1, attempt: 1,
                outcome: Self.outcomes[$0.offset < 5000 ? $0.offset % 3 : 4])
        }
        try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        try await queue.detach()
    }

    private mutating func addList(to queue: any JobQueue) async throws {
        let request = try RequestTemplate(
            parsing: "http://list/{id}/{name}", fields: ["name"])
        let list = try await queue.addList(request, LineFields(["name"]))
        var first = 0
        for lane in 0..<Int.random(in: 1...6, using: &random) {
            var builder = ListBlockBuilder()
            let count = Int.random(in: 1...600, using: &random)
            for line in 0..<count {
                builder.beginLine(fields: 1)
                Array("line\(first + line)".utf8).withUnsafeBytes { builder.append($0) }
            }
            try await list.add([builder.take(first: first, lane: lane % 3, ListPacker())])
            first += count
        }
        _ = try await list.finish(as: BatchLabel(priority: 1))
    }

    /// Runs, kills, cancels and puts back.
    private mutating func work(on path: String, steps: Int, mayAdd: Bool) async throws {
        let clock = clock
        let queue = StoreClient(
            to: try SQLiteQueue(path: path, access: .write) { clock.unixMicros }, clock)
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        for _ in 0..<steps {
            switch Int.random(in: 0..<12, using: &random) {
            case 0: _ = try? await queue.queue.cancel(Int.random(in: 1...4, using: &random))
            case 1:
                var wish = FailedJobs()
                wish.outcomes = [.reason(.timeout)]
                _ = try await queue.queue.putBack(wish)
            case 2 where mayAdd: try await addList(to: queue.queue)
            default: try await mark(on: queue)
            }
        }
        if Bool.random(using: &random) { try await queue.detach() }
        await queue.close()
    }

    private mutating func mark(on queue: StoreClient) async throws {
        let limit = Int.random(in: 1...9000, using: &random)
        var jobs = try await queue.claim(jobs: limit).flatMap { segment in
            segment.todo.joined().map { (segment.batch.id, $0, 1) }
        }
        let due = clock.unixMicros + Int.random(in: 1...2_000_000, using: &random)
        jobs += try await queue.claimRetries(dueAt: due, limit: 500).jobs.map {
            ($0.batch.id, $0.position, $0.attempts + 1)
        }
        let share = [0, 0.3, 1].randomElement(using: &random)!
        let areAlike = Bool.random(using: &random)
        // Without retries, whole segments become final.
        let outcomes = Bool.random(using: &random) ? Self.outcomes : Array(Self.outcomes.prefix(4))
        var marks: [Mark] = []
        for (batch, position, attempt) in jobs {
            guard Double.random(in: 0..<1, using: &random) < share else { continue }
            let outcome = areAlike ? outcomes[0] : outcomes.randomElement(using: &random)!
            marks.append(
                Mark(batchID: batch, position: position, attempt: attempt, outcome: outcome))
        }
        try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
    }

    private mutating func noteKinds() throws {
        let connection = try Connection(path: path, readOnly: true)
        for (kind, sql) in [
            ("span", "SELECT count(*) FROM span WHERE outcome > 0"),
            ("open", "SELECT count(*) FROM segment WHERE todo > 0"),
            ("mixed", "SELECT count(*) FROM segment WHERE todo = 0 AND retrying = 0"),
            ("block", "SELECT count(*) FROM block"), ("retry", "SELECT count(*) FROM retry"),
            ("cancelled", "SELECT count(*) FROM batch WHERE cancelled_at_us IS NOT NULL"),
        ] where try connection.int(sql) ?? 0 > 0 {
            kinds.insert(kind)
        }
    }

    // MARK: - Tables

    private func rows(of ledger: any JobLedger) async throws -> [TableKey: String] {
        var table: [TableKey: String] = [:]
        var place: LedgerPlace? = .start
        while let from = place {
            let page = try await ledger.page(from: from)
            for span in page.spans {
                var lines: (block: ListBlock, lines: ListLines)?
                for position in span.positions {
                    var url = ""
                    if case .list(let list) = span.batch.source {
                        if lines?.block.positions.contains(position) != true {
                            let block = try await ledger.block(holding: position, of: span.batch)
                            lines = (block, try #require(block.lines()))
                        }
                        let (block, all) = try #require(lines)
                        let fields = all.fields(ofLine: position - block.first)
                        url = String(decoding: list.url(of: fields, at: position), as: UTF8.self)
                    }
                    let key = TableKey(batch: span.batch.id, id: span.batch.id(at: position))
                    let job = "\(span.state) \(span.outcome?.label ?? "") \(url)"
                    #expect(table.updateValue(job, forKey: key) == nil, "\(key) twice")
                }
            }
            place = page.next
        }
        return table
    }

    private func retryRows(of paths: [String]) throws -> [String] {
        var rows: [String] = []
        for path in paths {
            let connection = try Connection(path: path, readOnly: true)
            let statement = try connection.prepare(
                """
                SELECT batch_id || ' ' || (first_id + coalesce(options ->> 'step', 1) * position)
                    || ' ' || attempts || ' ' || not_before_us || ' ' || excused || ' ' || since_us
                FROM retry JOIN batch ON batch.id = batch_id
                """)
            try statement.bind([])
            while try statement.step() { rows.append(statement.text(0)) }
        }
        return rows.sorted()
    }

    /// Reads a queue, or the shards of one, each by itself.
    private func read(_ paths: [String]) async throws -> [TableKey: String] {
        var table: [TableKey: String] = [:]
        for path in paths {
            let queue = try SQLiteQueue(path: path, access: .read)
            let faults = try await queue.verify()
            #expect(faults == [], "\(path)")
            table.merge(try await rows(of: queue)) { _, _ in "twice" }
            await queue.close()
        }
        return table
    }

    private mutating func learn(from paths: String...) async throws {
        try await learn(from: paths)
    }

    private mutating func learn(from paths: [String]) async throws {
        table = try await read(paths)
        retries = try retryRows(of: paths)
        // Of cancelled batches, what dead runners held is cancelled when it is taken back.
        for path in paths {
            let queue = try SQLiteQueue(path: path, access: .read)
            for summary in try await queue.batches(from: 0, limit: 100).summaries
            where summary.cancelledAtMicros != nil {
                let id = summary.batch.id
                for position in 0..<summary.batch.count {
                    let key = TableKey(batch: id, id: summary.batch.id(at: position))
                    guard let job = table[key] else { continue }
                    if job.hasPrefix("available") || job.hasPrefix("retrying") {
                        table[key] =
                            "cancelled  \(job.split(separator: " ").dropFirst(job.hasPrefix("a") ? 1 : 2).joined())"
                        retries.removeAll { $0.hasPrefix("\(id) \(key.id) ") }
                    }
                }
            }
            await queue.close()
        }
    }

    /// Compares queues, each by itself and all as one, with the table.
    private mutating func expectTable(of paths: [String], _ step: String) async throws {
        let found = try await read(paths)
        compare(found, step)
        let foundRetries = try retryRows(of: paths)
        #expect(foundRetries == retries, "\(step)")
        if foundRetries != retries { isRight = false }
        guard let ledger = try await ShardLedger(paths) else { return }
        compare(try await rows(of: ledger), "\(step), as one")
        #expect(try await ledger.verify() == [])
        let counts = try await ledger.counts()
        #expect(counts.total == table.count)
        for (state, count) in [("completed", counts.completed), ("failed", counts.failed)] {
            #expect(table.values.count { $0.hasPrefix(state) } == count, "\(step), \(state)")
        }
        let batches = try await ledger.batches(from: 0, limit: 100).summaries
        #expect(batches.reduce(0) { $0 + $1.counts.completed } == counts.completed)
        #expect(batches.reduce(0) { $0 + $1.batch.count } == table.count)
        await ledger.close()
    }

    private mutating func compare(_ found: [TableKey: String], _ step: String) {
        guard found != table else { return }
        isRight = false
        let keys = Set(found.keys).union(table.keys).filter { found[$0] != table[$0] }
        let first = keys.sorted { ($0.batch, $0.id) < ($1.batch, $1.id) }.prefix(3).map {
            "\($0): \(found[$0] ?? "none"), not \(table[$0] ?? "none")"
        }
        Issue.record("\(step): \(keys.count) jobs differ: \(first)")
    }
}
