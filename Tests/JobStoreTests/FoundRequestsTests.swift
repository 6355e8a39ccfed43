import JobStore
import TestSupport
import Testing

@testable import StoreConformance

/// Requests that responses led to, as the store in SQLite adds them.
@Suite struct FoundRequestsTests {
    private let folder = Folder()
    private let fields = LineFields(
        ["url", "found_on", "depth"], trail: .init(foundOn: 1, depth: 2))
    private let request = try! RequestTemplate(  // a field makes a URL
        parsing: "{url}", fields: ["url", "found_on", "depth"])
    private let beat = Heartbeat(requestsPerSecond: 1)

    private func open() throws -> SQLiteQueue {
        try SQLiteQueue(path: folder.file("runner.db"), access: .create)
    }

    private func found(_ numbers: some Sequence<Int>, in batch: Batch.ID) -> FoundRequests {
        var found = FoundRequests(in: batch, request, fields)
        for number in numbers {
            found.add(
                Self.hash(number), lane: number % 7,
                [Array("http://h/\(number)".utf8), Array("1/0".utf8), nil])
        }
        return found
    }

    private static func hash(_ number: Int) -> RequestHash {
        RequestHash(high: UInt64(number) &* 0x9E37_79B9_7F4A_7C15, low: 7)
    }

    private func mark(_ position: Int, of batch: Batch.ID) -> Mark {
        Mark(
            batchID: batch, position: position, attempt: 1,
            outcome: Outcome(.completed, status: 200))
    }

    private func expectSound(_ queue: SQLiteQueue) async throws {
        #expect(try await queue.verify() == [])
    }

    /// A queue with a range of ten jobs, which this process works on, and the right to add to the set.
    private func begin(
        _ queue: SQLiteQueue
    ) async throws -> (lease: any RunnerLease, set: any UniqueListImport) {
        if try await queue.counts().total == 0 {
            _ = try await queue.enqueue(
                .range(
                    JobRange(first: 0, count: 10), try RequestTemplate(parsing: "http://h/p{id}")),
                as: BatchLabel(priority: 3))
        }
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        return (lease, try await queue.addUniqueList(request, fields))
    }

    @Test func requestsAreAdded_once_withTheMarks() async throws {
        let queue = try open()
        let (lease, set) = try await begin(queue)
        #expect(try await lease.claim(jobs: 10).segments.count == 1)
        let first = try await lease.commit(
            [mark(0, of: 1)], [], [found([1, 2, 3, 2, 1], in: 1)], countMax: .max, heartbeat: beat)
        #expect(first == FoundTally(added: 3, known: 2))
        try await expectSound(queue)
        let page = try await queue.batches(from: 1)
        #expect(page.summaries.map(\.batch.count) == [10, 3])
        let foundID = page.summaries[1].batch.id
        // It comes as soon as the batch it was found in.
        #expect(page.summaries.map(\.priority) == [3, 3])

        // What its own jobs lead to goes to the same batch.
        let segments = try await lease.claim(jobs: 100).segments
        #expect(segments.flatMap(\.todo).reduce(0) { $0 + $1.count } == 3)
        #expect(segments.allSatisfy { $0.batch.id == foundID && $0.block?.lines() != nil })
        let second = try await lease.commit(
            [mark(0, of: foundID), mark(1, of: 1)], [],
            [found([3, 4], in: foundID), found([4, 5], in: 1)],
            countMax: .max, heartbeat: beat)
        #expect(second == FoundTally(added: 2, known: 2))
        #expect(try await queue.batches(from: 1).summaries.map(\.batch.count) == [10, 5])
        #expect(try await queue.counts().completed == 3)
        try await expectSound(queue)
        await set.abandon()
        await queue.close()
    }

    @Test func theSet_outlastsTheProcess_andIsThatOfLists() async throws {
        var queue = try open()
        var (lease, set) = try await begin(queue)
        _ = try await lease.claim(jobs: 10)
        _ = try await lease.commit(
            [mark(0, of: 1)], [], [found(0..<1000, in: 1)], countMax: .max, heartbeat: beat)
        await queue.close()  // as a kill does

        queue = try open()
        (lease, set) = try await begin(queue)
        _ = try await lease.claim(jobs: 10)
        let tally = try await lease.commit(
            [mark(1, of: 1)], [], [found(990..<1010, in: 1)], countMax: .max, heartbeat: beat)
        #expect(tally == FoundTally(added: 10, known: 10))
        try await expectSound(queue)
        await set.abandon()
        try await lease.detach()

        // A list without duplicates knows them, and its lines are known in turn.
        let list = try await queue.addUniqueList(request, fields)
        let hashes = [5, 1005, 2000].map(Self.hash).sorted()
        #expect(try await list.known(hashes) == hashes.map { $0 != Self.hash(2000) })
        #expect(try await list.listOutside(after: 0) == nil)
        try await list.add([Self.hash(2000)])
        try await list.add([foundBlock()])
        _ = try await list.finish(as: BatchLabel())
        let (again, next) = try await begin(queue)
        _ = try await again.claim(jobs: 10)
        let last = try await again.commit(
            [mark(2, of: 1)], [], [found([2000, 2001], in: 1)], countMax: .max, heartbeat: beat)
        #expect(last == FoundTally(added: 1, known: 1))
        try await expectSound(queue)
        await next.abandon()
        await queue.close()
    }

    private func foundBlock() -> ListBlock {
        var builder = ListBlockBuilder()
        builder.beginLine(fields: 3)
        Array("http://h/2000".utf8).withUnsafeBytes { builder.append($0) }
        builder.append(nil)
        builder.append(nil)
        return builder.take(first: 0, lane: 0, ListPacker())
    }

    /// So many that the latest hashes become runs, and the runs one.
    @Test func manyRequests_areToldApart() async throws {
        let queue = try open()
        let (lease, set) = try await begin(queue)
        _ = try await lease.claim(jobs: 10)
        var random = SeededGenerator(seed: testSeed(for: "manyRequests_areToldApart"))
        var known: Set<Int> = []
        for round in 0..<45 {
            let numbers = (0..<20_000).map { _ in Int.random(in: 0..<1_000_000, using: &random) }
            let before = known.count
            known.formUnion(numbers)
            let tally = try await lease.commit(
                [], [], [found(numbers, in: 1)], countMax: .max, heartbeat: beat)
            #expect(tally.added == known.count - before, "in round \(round)")
            #expect(tally.known == numbers.count - tally.added)
            if round % 10 == 9 { try await set.tidy() }
        }
        try await expectSound(queue)
        #expect(try await queue.counts().total == 10 + known.count)
        await set.abandon()
        await queue.close()
    }

    @Test func aFullBatch_andACancelledOne_takeNoMore() async throws {
        let queue = try open()
        let (lease, set) = try await begin(queue)
        _ = try await lease.claim(jobs: 10)
        let none = try await lease.commit(
            [], [], [found(0..<5, in: 1)], countMax: 0, heartbeat: beat)
        #expect(none == FoundTally(leftOut: 5))
        let some = try await lease.commit(
            [], [], [found(0..<5, in: 1)], countMax: 3, heartbeat: beat)
        #expect(some == FoundTally(added: 3, leftOut: 2))
        // What was left out may come later.
        let more = try await lease.commit(
            [], [], [found(0..<5, in: 1)], countMax: 4, heartbeat: beat)
        #expect(more == FoundTally(added: 1, known: 3, leftOut: 1))
        _ = try await queue.cancel(try await queue.batches(from: 2).summaries[0].batch.id)
        let cancelled = try await lease.commit(
            [], [], [found(7..<9, in: 1)], countMax: .max, heartbeat: beat)
        #expect(cancelled == FoundTally(leftOut: 2))
        try await expectSound(queue)
        await set.abandon()
        await queue.close()
    }

    /// The bound holds over commits and processes, and between batches it counts apart.
    @Test func aHostThatHasAsManyAsItMay_getsNoMore() async throws {
        var queue = try open()
        var (lease, set) = try await begin(queue)
        _ = try await lease.claim(jobs: 10)
        func commit(_ numbers: [Int], max: Int?, countMax: Int = .max) async throws -> FoundTally {
            var found = FoundRequests(in: 1, request, fields, jobsOfHostMax: max)
            for number in numbers {
                found.add(
                    Self.hash(number), lane: 0, host: "http://h\(number % 2)",
                    [Array("http://h\(number % 2)/\(number)".utf8), Array("1/0".utf8), nil])
            }
            return try await lease.commit([], [], [found], countMax: countMax, heartbeat: beat)
        }
        // 0, 2, 4 are one host's, and 1, 3 another's.
        #expect(
            try await commit([0, 2, 0, 4, 1], max: 2)
                == FoundTally(added: 3, known: 1, leftOutOfHosts: 1))
        await queue.close()  // as a kill does
        queue = try open()
        (lease, set) = try await begin(queue)
        _ = try await lease.claim(jobs: 10)
        #expect(
            try await commit([4, 1, 3, 5, 7], max: 2)
                == FoundTally(added: 1, known: 1, leftOutOfHosts: 3))
        // What does not go into the batch does not count for its host.
        #expect(
            try await commit([5, 7], max: 4, countMax: 5)
                == FoundTally(added: 1, leftOut: 1))
        #expect(try await commit([7, 9], max: 4) == FoundTally(added: 1, leftOutOfHosts: 1))
        // Without the bound, nothing is counted.
        #expect(try await commit([9, 11], max: nil) == FoundTally(added: 2))
        #expect(try await commit([13, 6], max: 3) == FoundTally(added: 1, leftOutOfHosts: 1))
        try await expectSound(queue)
        #expect(try await queue.batches(from: 1).summaries.map(\.foundIn) == [nil, 1])
        await set.abandon()
        await queue.close()
    }

    /// Without the right to the set, an answer of another process could add the same.
    @Test func withoutTheRight_nothingIsRecorded() async throws {
        let queue = try open()
        let (lease, set) = try await begin(queue)
        _ = try await lease.claim(jobs: 10)
        await set.abandon()
        let error = await #expect(throws: QueueError.self) {
            _ = try await lease.commit(
                [mark(0, of: 1)], [], [found(0..<5, in: 1)], countMax: .max, heartbeat: beat)
        }
        #expect(error?.code == .fenced)
        #expect(try await queue.counts().completed == 0)
        try await expectSound(queue)
        await queue.close()
    }
}
