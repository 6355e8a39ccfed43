import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Queues that are split, those that are queued as shards, and how they become one again.
@Suite struct ShardTests {
    private let folder = Folder()
    private var path: String { folder.file("big.db") }
    private var shards: String { folder.file("shards") }
    private let request = "http://127.0.0.1/{id}"
    private let ok = Outcome(.completed, status: 200)

    private func shard(_ number: Int) -> String { "\(shards)/\(number)/runner.db" }

    private func makeQueue(_ counts: Int...) async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .create))
        for count in counts {
            _ = try await queue.enqueue(
                JobRange(first: 0, count: count), request: try RequestTemplate(parsing: request))
        }
        await queue.close()
    }

    @discardableResult
    private func split(into count: Int, _ folder: String? = nil) async throws -> SplitQueue {
        let queue = try SQLiteQueue(path: path, access: .write)
        do {
            let result = try await queue.split(into: count, folder: folder ?? shards) { $0.folder }
            await queue.close()
            return result
        } catch {
            await queue.close()
            throw error
        }
    }

    private func merge(
        _ paths: [String], to target: String? = nil
    ) async throws -> QueueCounts {
        try await merger(of: paths, to: target).run()
    }

    private func merger(of paths: [String], to target: String? = nil) -> QueueMerger {
        QueueMerger(paths, to: target ?? folder.file("all.db")) { settings, _ in
            settings.folder
        } isClosed: { output, _ in
            output.files.allSatisfy(\.isSealed)
        }
    }

    private func expect(
        _ code: QueueError.Code, _ parts: String..., when body: () async throws -> Void
    ) async {
        do {
            try await body()
            Issue.record("nothing was refused")
        } catch let error as QueueError {
            #expect(error.code == code, "\(error)")
            for part in parts { #expect(error.description.contains(part), "\(error)") }
        } catch {
            Issue.record("\(error)")
        }
    }

    /// Does all jobs of a queue.
    private func drain(_ path: String) async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        while case let segments = try await queue.claim(jobs: 8192), !segments.isEmpty {
            let marks = segments.flatMap { segment in
                segment.todo.joined().map {
                    Mark(batchID: segment.batch.id, position: $0, attempt: 1, outcome: ok)
                }
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        try await queue.detach()
        await queue.close()
    }

    // MARK: - Positions

    @Test func shards_tileAnyBatch_andBeginWhereSegmentsDo() throws {
        var random = SeededGenerator(seed: testSeed(for: "shards_tileAnyBatch"))
        for _ in 0..<2000 {
            let count = Int.random(in: 1...(Bool.random(using: &random) ? 9 : 3000), using: &random)
            let jobs = Int.random(
                in: 0...[5, 5000, 1 << 24, .max].randomElement(using: &random)!, using: &random)
            var end = 0
            for number in 0..<count {
                let positions = try #require(Shard(number: number, of: count)).positions(of: jobs)
                #expect(positions.lowerBound == end)
                #expect(jobs < count || !positions.isEmpty)
                if jobs / count >= Segment.countMax {
                    #expect(positions.lowerBound.isMultiple(of: Segment.countMax))
                }
                end = positions.upperBound
            }
            #expect(end == jobs)
        }
        #expect(Shard(number: 3, of: 3) == nil && Shard(number: -1, of: 3) == nil)
        #expect(Shard(number: 0, of: 0) == nil && Shard(number: 0, of: 100_001) == nil)
    }

    // MARK: - Queued as shards

    @Test func aShardThatIsQueued_hasTheIDsOfTheWhole() async throws {
        let template = try RequestTemplate(parsing: request)
        let whole = JobRange(first: 100, count: 30_000, step: 7)
        var paths: [String] = []
        for number in 0..<3 {
            let path = folder.file("\(number).db")
            paths.append(path)
            let queue = try SQLiteQueue(path: path, access: .create)
            let shard = try #require(Shard(number: number, of: 3))
            let label = BatchLabel(key: "k", name: "n")
            let batch = try await queue.enqueue(whole, template, shard: shard, as: label)
            let positions = shard.positions(of: 30_000)
            #expect(batch.ids.first == 100 + 7 * positions.lowerBound)
            #expect(batch.count == positions.count && batch.ids.step == 7)
            // Repeated by its key, nothing is added.
            #expect(try await queue.enqueue(whole, template, shard: shard, as: label) == batch)
            #expect(try await queue.verify() == [])
            await expect(.unfit, "shard \(number)/3, not") {
                let other = try #require(Shard(number: (number + 1) % 3, of: 3))
                _ = try await queue.enqueue(whole, template, shard: other, as: BatchLabel())
            }
            await queue.close()
        }
        try await drain(paths[1])
        #expect(try await merge(paths.reversed()).completed == 8192)
        let all = try SQLiteQueue(path: folder.file("all.db"), access: .read)
        #expect(try await all.verify() == [])
        let page = try await all.page(from: .start)
        #expect(page.spans.map(\.positions) == [0..<8192, 8192..<16_384, 16_384..<30_000])
        #expect(page.spans[0].batch.source == .range(whole, template))
        #expect(try await all.batch(named: "n")?.count == 30_000)
        await all.close()
    }

    @Test func aQueueOfWholeBatches_takesNoShard() async throws {
        try await makeQueue(10)
        let queue = try SQLiteQueue(path: path, access: .write)
        await expect(.unfit, "whole batches") {
            _ = try await queue.enqueue(
                JobRange(first: 0, count: 10), try RequestTemplate(parsing: request),
                shard: try #require(Shard(number: 0, of: 2)), as: BatchLabel())
        }
        await queue.close()
    }

    /// It would have the ID of another batch of another shard.
    @Test func aShard_takesNoWholeBatch() async throws {
        let template = try RequestTemplate(parsing: request)
        let key = BatchLabel(key: "k")
        do {
            let queue = StoreClient(to: try SQLiteQueue(path: path, access: .create))
            _ = try await queue.queue.enqueue(
                .range(JobRange(first: 0, count: 10), template), as: key)
            await queue.close()
        }
        try await split(into: 2)
        let queue = try SQLiteQueue(path: shard(1), access: .write)
        let range = JobRange(first: 0, count: 5)
        await expect(.unfit, "holds shard 1/2") {
            _ = try await queue.enqueue(.range(range, template), as: BatchLabel())
        }
        let list = try RequestTemplate(parsing: "{url}", fields: ["url"])
        await expect(.unfit, "holds shard 1/2") {
            _ = try await queue.addList(list, LineFields(["url"]))
        }
        await expect(.unfit, "holds shard 1/2") {
            _ = try await queue.streamList(
                list, LineFields(["url"]), from: nil, mayRepeat: false, as: BatchLabel())
        }
        // Its own piece, once more, is nothing new.
        let own = JobRange(first: 5, count: 5)
        #expect(try await queue.enqueue(.range(own, template), as: key).count == 5)
        #expect(try await queue.counts().total == 5)
        await queue.close()
    }

    /// Batch 2 has no jobs in some shards; batch 3 has its ID in each.
    @Test func whatIsQueuedInEachShard_hasOneID() async throws {
        try await makeQueue(10, 2)
        try await split(into: 4)
        let template = try RequestTemplate(parsing: request)
        for number in 0..<4 {
            let queue = try SQLiteQueue(path: shard(number), access: .write)
            let batch = try await queue.enqueue(
                JobRange(first: 0, count: 100), template,
                shard: try #require(Shard(number: number, of: 4)), as: BatchLabel())
            #expect(batch.id == 3)
            await queue.close()
        }
        #expect(try await merge((0..<4).map(shard)).total == 112)
        // The merged queue goes on with its own numbers, and takes whole batches.
        let all = StoreClient(to: try SQLiteQueue(path: folder.file("all.db"), access: .write))
        #expect(try await all.enqueue(JobRange(first: 0, count: 1), request: template).id == 4)
        #expect(try await all.verify() == [])
        await all.close()
    }

    // MARK: - Split

    @Test func aQueueThatWasSplit_isNotWorkedOn() async throws {
        try await makeQueue(20_000, 3)
        let result = try await split(into: 2)
        #expect(result.isNew && result.counts.total == 20_003)
        let queue = try SQLiteQueue(path: path, access: .write)
        await expect(.wasSplit, "2 queues in", shards) {
            _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        }
        await expect(.wasSplit) { try await queue.keep("1", as: "paused") }
        await expect(.wasSplit) { _ = try await queue.putBack(FailedJobs()) }
        await expect(.wasSplit) { _ = try await queue.cancel(1) }
        await queue.close()
        // The same once more changes nothing; otherwise it is refused.
        let before = (contents(of: shard(0)), contents(of: shard(1)))
        #expect(try await split(into: 2).isNew == false)
        #expect(contents(of: shard(0)) == before.0 && contents(of: shard(1)) == before.1)
        await expect(.wasSplit) { try await split(into: 3) }
        await expect(.wasSplit) { try await split(into: 2, folder.file("other")) }
    }

    @Test func whatCannotBeSplit_isRefused_andStaysAsItIs() async throws {
        try await makeQueue(10)
        await expect(.unfit, "has 10 jobs", "11 queues") { try await split(into: 11) }
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        await expect(.inUse) { try await split(into: 2) }
        try await queue.detach()
        let list = try await queue.queue.streamList(
            try RequestTemplate(parsing: "{url}", fields: ["url"]), LineFields(["url"]), from: nil,
            mayRepeat: false, as: BatchLabel())
        var builder = ListBlockBuilder()
        builder.beginLine(fields: 1)
        Array("http://h/".utf8).withUnsafeBytes { builder.append($0) }
        _ = try await list.add(
            [builder.take(first: 0, lane: 0, ListPacker())],
            taken: TakenPart(records: 1, lines: 1, bytes: 9))
        await expect(.inUse, "batch 2", "not complete") { try await split(into: 2) }
        await list.leave()
        await expect(.inUse, "batch 2", "not complete") { try await split(into: 2) }
        _ = try await queue.queue.cancel(2)
        write([1], to: folder.file("shards/1") + "x")
        await queue.close()
        write([1], to: folder.file("taken"))
        await expect(.readOnly, "taken") { try await split(into: 2, folder.file("taken")) }
        #expect(try await split(into: 2).counts.cancelled == 1)
        path(of: 0)
        await expect(.unfit, "is shard 0/2 itself") {
            let shard = try SQLiteQueue(path: shard(0), access: .write)
            _ = try await shard.split(into: 2, folder: folder.file("again")) { $0.folder }
        }
    }

    private func path(of number: Int) { #expect(contents(of: shard(number)).count > 0) }

    @Test func aPlaceThatIsTaken_isNotOverwritten() async throws {
        try await makeQueue(10)
        try await split(into: 2)
        let other = folder.file("other.db")
        write(contents(of: shard(1)), to: other)
        let queue = StoreClient(
            to: try SQLiteQueue(path: folder.file("second.db"), access: .create))
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 10), request: try RequestTemplate(parsing: request))
        let second = try #require(queue.queue as? SQLiteQueue)
        await expect(.unfit, "0/runner.db is there already") {
            _ = try await second.split(into: 1, folder: shards) { $0.folder }
        }
        #expect(try await queue.counts().available == 10)
        await queue.close()
    }

    // MARK: - Merge

    @Test func shardsThatAreNotAllOfOneQueue_areRefusedByName() async throws {
        try await makeQueue(20_000)
        try await split(into: 3)
        let all = (0..<3).map(shard)
        await expect(.unfit, "missing", "1/3") { _ = try await merge([all[0], all[2]]) }
        await expect(.unfit, "both hold shard 1/3", all[1]) {
            let copy = folder.file("copy.db")
            write(contents(of: all[1]), to: copy)
            _ = try await merge(all + [copy])
        }
        try await makeOther()
        await expect(.unfit, "no shards of one queue", "other/2/runner.db") {
            _ = try await merge([all[0], all[1], folder.file("other/2/runner.db")])
        }
        await expect(.unfit, "other.db is whole") {
            _ = try await merge([all[0], folder.file("other.db")])
        }
        await expect(.missing, "gone.db") { _ = try await merge(all + [folder.file("gone.db")]) }
        write([], to: folder.file("all.db"))  // as good as nothing
        let runner = StoreClient(to: try SQLiteQueue(path: all[2], access: .write))
        try await runner.attach(RunnerDescription(pid: 1, workers: 1))
        await expect(.inUse, all[2]) { _ = try await merge(all) }
        #expect(contents(of: folder.file("all.db")).isEmpty)
        await runner.close()
        #expect(try await merge(all).available == 20_000)
        await expect(.notAQueue, "already") { _ = try await merge(all) }
    }

    /// A run that came between closing an output and reading the queue may have left it open.
    @Test func outputsThatAreOpen_areFound_andNotTaken() async throws {
        let open = OutputFile(id: 1, name: "f", format: "jsonl", bytes: 3, crc32: 4, records: 10)
        var closed = open
        closed.isSealed = true
        try await makeQueue(20_000)
        try await complete(10, of: path, output: "big", files: [open])
        await expect(.inUse, "output", "not closed") { try await split(into: 2) }
        try await complete(1, of: path, files: [closed])
        try await split(into: 2)
        let all = (0..<2).map(shard)
        #expect(try await merger(of: all).check() == [])
        try await complete(10, of: all[1], output: "s1", files: [open])
        #expect(try await merger(of: all).check() == [all[1]])
        await expect(.inUse, all[1], "not closed") { _ = try await merge(all) }
        try await complete(1, of: all[1], files: [closed])
        #expect(try await merge(all).completed == 22)
    }

    /// What is half done in a shard would be done by nobody in the merged queue.
    @Test func shardsWithSomethingHalfDone_areNotMerged() async throws {
        try await makeQueue(20_000)
        try await split(into: 2)
        let all = (0..<2).map(shard)
        let connection = try Connection(path: all[1], readOnly: false)
        try connection.execute("INSERT INTO put_back (outcomes, next_batch_id) VALUES ('404', 1)")
        await expect(.inUse, all[1], "being put back") { _ = try await merge(all) }
        try connection.execute("DELETE FROM put_back")
        try connection.execute("INSERT INTO import (batch_id, started_at_us) VALUES (1, 1)")
        await expect(.inUse, all[1], "list of batch 1", "not complete") {
            _ = try await merge(all)
        }
        try connection.execute("DELETE FROM import")
        #expect(try await merge(all).available == 20_000)
    }

    /// Another queue, split in three, too.
    private func makeOther() async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: folder.file("other.db"), access: .create))
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 20_000), request: try RequestTemplate(parsing: request))
        let other = try #require(queue.queue as? SQLiteQueue)
        _ = try await other.split(into: 3, folder: folder.file("other")) { $0.folder }
        await queue.close()
    }

    @Test(arguments: [
        ("UPDATE batch SET url = 'http://127.0.0.1/other/{id}'", "queued otherwise"),
        ("UPDATE batch SET first_id = first_id + 1", "queued otherwise"),
        ("UPDATE batch SET whole_count = whole_count + 1", "queued otherwise"),
        ("UPDATE batch SET whole_first = whole_first - 1", "in another one of the queues, too"),
        (
            "UPDATE batch SET whole_first = whole_first + 1, whole_count = whole_count + 1, first_id = first_id + 1",
            "in none of the queues"
        ),
        ("UPDATE batch SET whole_first = -1", "is a piece of none"),
        ("UPDATE batch SET whole_first = 9223372036854775807", "is a piece of none"),
        ("UPDATE batch SET whole_count = NULL", "is a piece of none"),
        ("DELETE FROM span", "are in no span or segment"),
        ("UPDATE span SET count = count - 1", "are in no span or segment"),
        ("UPDATE span SET outcome = 99", "does not explain"),
        (
            "INSERT INTO retry (batch_id, position, attempts, not_before_us) VALUES (1, 1, 1, 1)",
            "retries of batch 1"
        ),
        ("PRAGMA ignore_check_constraints = ON; UPDATE shard SET number = 3", "holds shard 3 of 3"),
        ("DELETE FROM batch; DELETE FROM span", "jobs 12288..<20000 of batch 1 are in none"),
    ])
    func aShardThatDoesNotFit_isRefused(sql: String, part: String) async throws {
        try await makeQueue(20_000)
        try await split(into: 3)
        do {
            let connection = try Connection(path: shard(2), readOnly: false)
            try connection.execute(sql)
        }
        do {
            _ = try await merge((0..<3).map(shard))
            Issue.record("nothing was refused")
        } catch let error as QueueError {
            #expect(error.description.contains(part), "\(error)")
        }
        #expect(contents(of: folder.file("all.db")).isEmpty)
        #expect(contents(of: folder.file(".all.db-draft")).isEmpty)
    }

    // MARK: - What belongs to no batch

    @Test func choicesAndHosts_areInEachShard_andInTheMergedQueue() async throws {
        try await makeQueue(20_000)
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute(
                """
                INSERT INTO setting (name, value) VALUES ('judging', '{"a":1}');
                INSERT INTO host (name, not_before_us, rate, seen_us)
                VALUES ('http://a:80', 5, 40, 7), ('http://b:80', 6, NULL, 8);
                INSERT INTO robots (origin, expires_us, status, body)
                VALUES ('http://a:80', 9, 200, x'2a'), ('http://b:80', 9, 404, x'');
                """)
        }
        try await split(into: 4)
        func text(_ path: String, _ sql: String) throws -> String {
            try Connection(path: path, readOnly: true).text(sql)
        }
        let hosts =
            "SELECT group_concat(name || not_before_us || ifnull(rate, '-') || seen_us) FROM host"
        let settings = "SELECT group_concat(name || value) FROM setting WHERE name <> 'last_batch'"
        let robots = "SELECT group_concat(origin || expires_us || status || hex(body)) FROM robots"
        for number in 0..<4 {
            // All ask at a time.
            #expect(try text(shard(number), hosts) == "http://a:80510.07,http://b:806-8")
            #expect(try text(shard(number), settings) == #"judging{"a":1}"#)
            #expect(
                try text(shard(number), robots) == "http://a:8092002A,http://b:809404")
        }
        do {
            let connection = try Connection(path: shard(2), readOnly: false)
            try connection.execute(
                "UPDATE host SET not_before_us = 99; UPDATE robots SET expires_us = 10, status = 503"
            )
        }
        _ = try await merge((0..<4).map(shard))
        let all = folder.file("all.db")
        #expect(try text(all, hosts) == "http://a:809940.07,http://b:8099-8")
        #expect(try text(all, settings) == #"judging{"a":1}"#)
        #expect(try text(all, robots) == "http://a:80105032A,http://b:8010503")
    }

    // MARK: - Output

    private func settings(_ name: String) -> OutputSettings {
        OutputSettings(
            folder: "/data/\(name)", identity: name, format: "jsonl", rotateBytes: 1,
            keepsBodies: true, keepsFailures: false)
    }

    private func complete(
        _ count: Int, of path: String, output: String? = nil, files: [OutputFile] = []
    ) async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .write))
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        if let output { try await queue.keepOutput(settings(output), []) }
        var left = count
        while left > 0 {
            let segments = try await queue.claim(jobs: 1)
            let marks = segments.flatMap { segment in
                segment.todo.joined().map {
                    Mark(batchID: segment.batch.id, position: $0, attempt: 1, outcome: ok)
                }
            }.prefix(left)
            try await queue.commit(
                Array(marks), files, heartbeat: Heartbeat(requestsPerSecond: 1))
            left -= marks.count
        }
        try await queue.detach()
        await queue.close()
    }

    /// Jobs that were completed without an output are excused once, wherever that was.
    @Test func outputs_becomeSites_andJobsWithoutARecordAreCounted() async throws {
        try await makeQueue(40_000)
        try await complete(10, of: path)
        let file = OutputFile(
            id: 1, name: "f", format: "jsonl", bytes: 3, crc32: 4, records: 100, isSealed: true)
        try await complete(100, of: path, output: "big", files: [file])
        try await split(into: 3)
        // The first shard tells of what its own runs wrote alone.
        try await complete(20, of: shard(0))
        try await complete(30, of: shard(0), output: "s0", files: [file])
        try await complete(40, of: shard(1))
        for number in 0..<3 {
            let queue = try SQLiteQueue(path: shard(number), access: .read)
            #expect(try await queue.sites() == [.only])
            await queue.close()
        }
        let looked = try #require(try await ShardLedger((0..<3).map(shard)))
        var before = 0
        var folders: [String] = []
        for site in await looked.sites() {
            let output = try await looked.output(of: site)
            before += output.completedBefore
            folders += output.settings.map { [$0.folder] } ?? []
        }
        await looked.close()
        #expect(before == 10 + 20 + 40)
        #expect(folders == ["/data/big", "/data/s0"])

        _ = try await merge((0..<3).map(shard))
        let all = folder.file("all.db")
        func sites() async throws -> (folders: [String], before: Int) {
            let queue = try SQLiteQueue(path: all, access: .read)
            var (folders, before): ([String], Int) = ([], 0)
            for site in try await queue.sites() {
                let output = try await queue.output(of: site)
                guard let settings = output.settings else { continue }
                folders.append(settings.folder)
                before += output.completedBefore
                if site != .only { #expect(output.files == [file]) }
            }
            await queue.close()
            return (folders, before)
        }
        #expect(try await sites() == (["/data/big", "/data/s0"], 70))
        try await complete(5, of: all)
        try await complete(6, of: all, output: "all")
        #expect(try await sites() == (["/data/all", "/data/big", "/data/s0"], 75))
        let queue = try SQLiteQueue(path: all, access: .read)
        #expect(try await queue.verify() == [])
        #expect(try await queue.counts().completed == 211)
        await queue.close()
    }
}
