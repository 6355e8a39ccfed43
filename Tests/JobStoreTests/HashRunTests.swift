import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// The set of requests in SQLite: sorted runs, looked through and merged.
@Suite struct HashRunTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }
    // try! holds: a literal, and valid.
    private let request = try! RequestTemplate(parsing: "{url}", fields: ["url"])
    private let fields = LineFields(["url"])

    private func unique(_ queue: SQLiteQueue) async throws -> any UniqueListImport {
        try await queue.addUniqueList(request, fields)
    }

    private func block(_ count: Int) -> ListBlock {
        var builder = ListBlockBuilder()
        for _ in 0..<count {
            builder.beginLine(fields: 1)
            builder.append(nil)
        }
        return builder.take(first: 0, lane: 0, ListPacker())
    }

    /// Adds a list of one line with these hashes.
    private func add(_ hashes: [RequestHash], to queue: SQLiteQueue) async throws {
        let list = try await unique(queue)
        try await list.add(hashes)
        try await list.add([block(1)])
        _ = try #require(try await list.finish(as: BatchLabel()))
    }

    private func hash(_ number: UInt64) -> RequestHash {
        // Spread over all of the range, and different for each number.
        RequestHash(high: (number / 3) &* 0x9E37_79B9_7F4A_7C15, low: number % 3)
    }

    private func runs(_ queue: SQLiteQueue) async throws -> [SQLiteQueue.HashRun] {
        try await queue.runs(for: 0)
    }

    /// Against a set in memory, over lists of all sizes, of which some are abandoned.
    @Test func knownHashes_areThoseOfFinishedLists() async throws {
        var random = SeededGenerator(seed: testSeed(for: "knownHashes_areThoseOfFinishedLists"))
        let queue = try SQLiteQueue(path: path, access: .create)
        var model: Set<RequestHash> = []
        for round in 0..<30 {
            let list = try await unique(queue)
            var own: Set<RequestHash> = []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let size = [1, 9, 80, 700, 6000].randomElement(using: &random)!
                let asked = Set(
                    (0..<size).map { _ in hash(.random(in: 0...60_000, using: &random)) }
                ).sorted()
                let known = try await list.known(asked)
                #expect(
                    known == asked.map { model.contains($0) || own.contains($0) }, "round \(round)")
                // Some that are known, too, as of lists that are taken in.
                let new = zip(asked, known).filter { !$1 || Bool.random(using: &random) }.map(\.0)
                try await list.add(new)
                own.formUnion(new)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                await list.abandon()
            } else {
                try await list.add([block(1)])
                _ = try await list.finish(as: BatchLabel())
                model.formUnion(own)
            }
        }
        #expect(try await queue.verify() == [])
        let list = try await unique(queue)
        let all = (0...60_000).map(hash).sorted()
        #expect(try await list.known(all) == all.map(model.contains))
        await queue.close()
    }

    @Test func manySmallLists_leaveFewRuns() async throws {
        let queue = try SQLiteQueue(path: path, access: .create)
        for number in 0..<200 as Range<UInt64> {
            try await add((0..<3).map { hash(number * 3 + $0) }.sorted(), to: queue)
            // Seven of each power of eight, and those that the next list merges.
            let count = try await runs(queue).count
            #expect(count <= 7 * 4 + 1, "\(count) runs after \(number + 1) lists")
        }
        #expect(try await runs(queue).reduce(0) { $0 + $1.count } == 600)
        #expect(try await queue.verify() == [])
        await queue.close()
    }

    @Test func runsOfAListThatIsAdded_areMerged() async throws {
        let queue = try SQLiteQueue(path: path, access: .create)
        let list = try await unique(queue)
        let id = try #require(await queue.uniqueList)
        for number in 0..<64 as Range<UInt64> { try await list.add([hash(number)]) }
        #expect(try await queue.runs(for: id, isOwn: true).map(\.count) == [64])
        #expect(try await list.known((0..<70).map(hash).sorted()).count(where: { $0 }) == 64)
        await list.abandon()
        #expect(try await runs(queue).isEmpty)
        #expect(try await queue.verify() == [])
        await queue.close()
    }

    @Test(
        arguments: [
            ([], Int.max, []), ([5, 5, 5, 5, 5, 5, 5], .max, []),
            ([5, 1, 7, 2, 3, 4, 6, 0, 1], .max, [0, 1, 2, 3, 4, 5, 6, 7]),
            ([64, 1, 1, 1, 8, 1, 1, 1, 1, 1], .max, [1, 2, 3, 5, 6, 7, 8, 9]),
            (Array(repeating: 100, count: 8), 800, Array(0..<8)),
            (Array(repeating: 100, count: 8), 799, []),
        ] as [([Int], Int, [Int])])
    func choice_isOfEightOfOneSize(counts: [Int], hashesMax: Int, chosen: [Int]) {
        let runs = counts.enumerated().map { SQLiteQueue.HashRun(id: $0, count: $1) }
        #expect(HashMerge.choice(of: runs, hashesMax: hashesMax)?.map(\.id) ?? [] == chosen)
    }

    /// A merge that ends after any of its transactions leaves the set as it was.
    @Test func aMergeThatIsKilled_losesNoHash() async throws {
        let hashes = (0..<9000).map { hash(UInt64($0)) }.sorted()
        var steps = 0
        var isDone = false
        while !isDone {
            let path = folder.file("\(steps).db")
            let queue = try SQLiteQueue(path: path, access: .create)
            for part in 0..<8 {
                try await add(
                    hashes.indices.filter { $0 % 8 == part }.map { hashes[$0] }, to: queue)
            }
            isDone = try await merge(queue, steps: steps)
            await queue.close()

            let heir = try SQLiteQueue(path: path, access: .write)
            let list = try await unique(heir)
            #expect(try await list.known(hashes).allSatisfy(\.self), "after \(steps) steps")
            await list.abandon()
            let count = try await runs(heir).count
            #expect(count == 8 || count == 1, "\(count) runs after \(steps) steps")
            #expect(try await heir.verify() == [], "after \(steps) steps")
            await heir.close()
            steps += 1
        }
        #expect(steps > 10)
    }

    /// Merges the runs of the set in so many transactions, if it takes as many.
    ///
    /// - Returns: Whether the merge is complete.
    private func merge(_ queue: SQLiteQueue, steps: Int) async throws -> Bool {
        _ = try await unique(queue)
        let id = try #require(await queue.uniqueList)
        let chosen = try #require(
            HashMerge.choice(of: try await queue.runs(for: id, isOwn: false), hashesMax: .max))
        var left = steps
        func mayGoOn() -> Bool {
            left -= 1
            return left >= 0
        }
        guard mayGoOn() else { return false }
        var merge = HashMerge(of: chosen, into: try await queue.beginRun(of: 0, for: id))
        repeat {
            guard mayGoOn() else { return false }
        } while try await queue.advance(&merge, for: id)
        guard mayGoOn() else { return false }
        try await queue.end(merge, for: id, isOwn: false)
        for run in chosen {
            repeat {
                guard mayGoOn() else { return false }
            } while try await queue.removeSome(ofRun: run.id, for: id)
        }
        return true
    }

    /// Tables as no program of ours writes them.
    @Test(arguments: [
        ("UPDATE hash_page SET hashes = x'00'", "not in order", true),
        ("UPDATE hash_page SET hashes = x''", "not in order", true),
        ("UPDATE hash_page SET hashes = CAST(hashes || x'00' AS BLOB)", "not in order", false),
        (
            "UPDATE hash_page SET lowest = x'00000000000000000000000000000001' WHERE rowid = 1",
            "not in order", true
        ),
        ("UPDATE hash_page SET run_id = 9 WHERE rowid = 1", "of no run", false),
        ("DELETE FROM hash_page WHERE rowid = 1", "more or fewer", false),
        ("UPDATE hash_run SET batch_id = 7", "no list that is being added", false),
        ("DELETE FROM hash_key", "", true), ("UPDATE hash_key SET key = x''", "", true),
    ])
    func damagedTables_areNoticed(sql: String, fault: String, isRefused: Bool) async throws {
        let queue = try SQLiteQueue(path: path, access: .create)
        let hashes = (0..<3000).map { hash(UInt64($0)) }.sorted()
        try await add(hashes, to: queue)
        await queue.close()
        let connection = try Connection(path: path, readOnly: false)
        try connection.execute("PRAGMA ignore_check_constraints = ON; \(sql)")

        let damaged = try SQLiteQueue(path: path, access: .write)
        let faults = try await damaged.verify()
        #expect(fault.isEmpty || faults.contains { $0.contains(fault) }, "\(faults)")
        do {
            let list = try await unique(damaged)
            _ = try await list.known(hashes)
            await list.abandon()
            #expect(!isRefused)
        } catch let error as QueueError {
            #expect(error.code == .damaged && isRefused)
        }
        await damaged.close()
    }
}
