public import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let lists: [StoreCase] = [
        StoreCase("list_isABatch_onceItIsFinished") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(lineRequest, lineFields)
            try await list.add([block(0..<5, lane: 3)])
            try await list.add([block(5..<8, lane: 1), block(8..<9, lane: 3)])
            let watcher = try await store.open()
            for client in [queue, watcher] {
                #expect(try await client.counts().total == 0)
                #expect(try await client.page(from: .start).spans.isEmpty)
            }
            let batch = try #require(try await list.finish(as: BatchLabel())?.batch)
            #expect(batch.count == 9 && batch.ids == JobRange(first: 0, count: 9))
            #expect(batch.positions(of: 7..<20) == 7..<9)
            for client in [queue, watcher] {
                #expect(try await client.counts().available == 9)
                try await store.expectSpans(client, "1: 0..<9 available")
                let read = try await client.page(from: .start).spans.first?.batch
                #expect(read == batch)
                try await store.expectSound(client)
            }
            await watcher.close()
            await queue.close()
        },
        StoreCase("list_withoutLines_isNoBatch") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(lineRequest, lineFields)
            #expect(try await list.finish(as: BatchLabel())?.batch == nil)
            #expect(try await queue.counts().total == 0)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("list_thatIsAbandoned_leavesNothing") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(lineRequest, lineFields)
            try await list.add((0..<300).map { block($0..<$0 + 1, lane: $0 % 7) })
            await list.abandon()
            #expect(try await queue.counts().total == 0)
            try await store.expectSound(queue)
            _ = try await queue.enqueue(JobRange(first: 0, count: 5), request: request)
            #expect(try await queue.counts().total == 5)
            await queue.close()
        },
        StoreCase("lists_mayBeAddedAtATime_andRangesBetween") { store in
            let (one, other) = (try await store.open(), try await store.open())
            let first = try await one.queue.addList(lineRequest, lineFields)
            let second = try await other.queue.addList(lineRequest, lineFields)
            let range = try await one.enqueue(JobRange(first: 0, count: 5), request: request)
            try await first.add([block(0..<3, lane: 0)])
            try await second.add([block(0..<4, lane: 0)])
            let batches = [
                try #require(try await second.finish(as: BatchLabel())?.batch),
                try #require(try await first.finish(as: BatchLabel())?.batch),
            ]
            #expect(batches.map(\.count) == [4, 3])
            #expect(Set(batches.map(\.id) + [range.id]).count == 3)
            try await store.expectSound(one)
            #expect(try await other.counts().available == 12)
            await other.close()
            await one.close()
        },
        StoreCase("list_withAKnownKey_isNotAddedAgain") { store in
            let queue = try await store.open()
            var made: [(batch: Batch, isNew: Bool)] = []
            for _ in 0..<2 {
                let list = try await queue.queue.addList(lineRequest, lineFields)
                try await list.add([block(0..<3, lane: 0)])
                made.append(try #require(try await list.finish(as: BatchLabel(key: "k"))))
            }
            #expect(made[0].batch == made[1].batch)
            #expect(made.map(\.isNew) == [true, false])
            #expect(try await queue.counts().total == 3)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claim_bringsTheLinesOfAList") { store in
            let queue = try await store.listed(block(0..<5, lane: 0), block(5..<9, lane: 0))
            var lines: [String] = []
            for segment in try await queue.claim(jobs: 9) {
                let read = try #require(segment.block)
                #expect(segment.todo == [read.positions])
                lines += try texts(of: read)
            }
            #expect(lines.sorted() == (0..<9).map { "line \($0)" })
            #expect(try await queue.counts().running == 9)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claim_afterAKill_bringsTheLinesThatAreLeft") { store in
            let dead = try await store.listed(block(0..<5, lane: 0), block(5..<9, lane: 4))
            _ = try await dead.claim(jobs: 9)
            try await store.commit(1..<3, ok, to: dead)
            await dead.close()

            let queue = try await store.open()
            let attachment = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(attachment.rescued == 7)
            try await store.expectSound(queue)
            let segments = try await queue.claim(jobs: 9)
            #expect(Set(segments.flatMap { $0.todo.flatMap { $0 } }) == [0, 3, 4, 5, 6, 7, 8])
            for segment in segments {
                let read = try #require(segment.block)
                #expect(try texts(of: read) == read.positions.map { "line \($0)" })
            }
            try await store.commit([0, 3, 4, 5, 6, 7, 8], ok, to: queue)
            try await store.expectSpans(queue, "1: 0..<9 completed 200")
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claimRetries_bringEachTheirLine") { store in
            let queue = try await store.listed(block(0..<5, lane: 0), block(5..<9, lane: 1))
            _ = try await queue.claim(jobs: 9)
            try await store.commit([1, 3, 6], Outcome(.retrying, status: 503), to: queue)
            let retries = try await queue.claimRetries(dueAt: 1, limit: 9).jobs
            #expect(retries.map(\.position).sorted() == [1, 3, 6])
            for retry in retries {
                #expect(try texts(of: try #require(retry.block)) == ["line \(retry.position)"])
            }
            await queue.close()
        },
        StoreCase("claim_takesAListByLanes_theLargestFirst") { store in
            let queue = try await store.listed(
                block(0..<2, lane: 7), block(2..<6, lane: 5), block(6..<7, lane: 7),
                block(7..<8, lane: 5))
            var firsts: [Int] = []
            for _ in 0..<4 {
                firsts += try await queue.claim(jobs: 1).map { $0.todo[0].lowerBound }
            }
            // Lanes or not: those of a lane come in order.
            #expect(firsts.filter([0, 6].contains) == [0, 6])
            #expect(firsts.filter([2, 7].contains) == [2, 7])
            #expect(firsts.count == 4)
            await queue.close()
        },
        StoreCase("park_keepsASegment_untilItsTime") { store in
            let queue = try await store.listed(block(0..<5, lane: 0), block(5..<9, lane: 1))
            _ = try await queue.claim(jobs: 9)
            try await store.commit([1], ok, to: queue)
            store.clock.unixMicros = 1_000_000
            try await queue.lease.park([LedgerPlace(batchID: 1, position: 0)], for: .seconds(60))
            #expect(try await queue.claim(jobs: 9).isEmpty)
            #expect(try await queue.counts().available == 4)
            try await store.expectSound(queue)
            // The others are held by this runner itself.
            try await store.commit(5..<9, ok, to: queue)
            guard case .after(let wait) = try await queue.nextClaim() else {
                Issue.record("what was parked is forgotten")
                return
            }
            #expect(wait > .zero && wait <= .seconds(60))
            store.clock.unixMicros = 61_000_000
            let segment = try #require(try await queue.claim(jobs: 9).first)
            #expect(segment.todo == [0..<1, 2..<5])
            #expect(try texts(of: try #require(segment.block)) == (0..<5).map { "line \($0)" })
            try await store.commit([0, 2, 3, 4], ok, to: queue)
            try await store.expectSpans(queue, "1: 0..<9 completed 200")
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("block_holdsAJobsLine") { store in
            let queue = try await store.listed(block(0..<5, lane: 0), block(5..<9, lane: 1))
            let batch = try #require(try await queue.page(from: .start).spans.first?.batch)
            for position in 0..<9 {
                let read = try await queue.queue.block(holding: position, of: batch)
                #expect(try texts(of: read)[position - read.first] == "line \(position)")
            }
            await queue.close()
        },
    ]
}

// try! holds: a literal, and valid.
public let lineRequest = try! RequestTemplate(
    parsing: "http://h/{name}?{id:03}", fields: ["name", "other"], method: .post,
    body: BodyTemplate(Array("{name}".utf8), .json))
public let lineFields = LineFields(["name", "other"], key: 1, kept: [0])

/// A block whose lines say where they are.
public func block(_ positions: Range<Int>, lane: Int) -> ListBlock {
    var builder = ListBlockBuilder()
    for position in positions {
        builder.beginLine(fields: 2)
        Array("line \(position)".utf8).withUnsafeBytes { builder.append($0) }
        builder.append(nil)
    }
    return builder.take(first: positions.lowerBound, lane: lane, ListPacker())
}

/// The first fields of a block's lines.
private func texts(of block: ListBlock) throws -> [String] {
    let lines = try #require(block.lines())
    return (0..<lines.count).map { index in
        String(decoding: lines.fields(ofLine: index)[0] ?? [], as: UTF8.self)
    }
}

extension StoreUnderTest {
    /// A queue with a list and a runner.
    fileprivate func listed(_ blocks: ListBlock...) async throws -> StoreClient {
        let queue = try await open()
        let list = try await queue.queue.addList(lineRequest, lineFields)
        try await list.add(blocks)
        _ = try #require(try await list.finish(as: BatchLabel())?.batch)
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        return queue
    }

    fileprivate func commit(
        _ positions: some Sequence<Int>, _ outcome: Outcome, to queue: StoreClient
    ) async throws {
        let marks = positions.map {
            Mark(batchID: 1, position: $0, attempt: 1, outcome: outcome)
        }
        try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
    }
}
