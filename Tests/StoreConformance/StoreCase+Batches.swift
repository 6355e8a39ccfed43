import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let batches: [StoreCase] = [
        StoreCase("name_belongsToOneBatch") { store in
            let queue = try await store.open()
            let range = JobRange(first: 0, count: 3)
            let one = try await queue.enqueue(range, request: request, name: "one")
            let error = await #expect(throws: QueueError.self) {
                try await queue.enqueue(range, request: request, name: "one")
            }
            #expect(error?.code == .nameTaken)
            #expect(try await queue.queue.batch(named: "one") == one)
            #expect(try await queue.queue.batch(named: "One") == nil)
            #expect(try await queue.counts().total == 3)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("name_isThatOfAList_too") { store in
            let queue = try await store.open()
            let first = try await store.add([block(0..<3, lane: 0)], to: queue, name: "list")
            let error = await #expect(throws: QueueError.self) {
                try await store.add([block(0..<4, lane: 0)], to: queue, name: "list")
            }
            #expect(error?.code == .nameTaken)
            #expect(try await queue.queue.batch(named: "list") == first)
            #expect(try await queue.counts().total == 3)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("step_isKept_andIDsFollowIt") { store in
            let range = JobRange(first: 5, count: 9000, step: 30)
            let label = BatchLabel(key: "stepped")
            let queue = try await store.open()
            let added = try await queue.queue.enqueue(.range(range, request), as: label)
            let watcher = try await store.open()
            for client in [queue, watcher] {
                let span = try await client.page(from: .start).spans.first
                #expect(span?.batch == added && span?.batch.source == .range(range, request))
                #expect(span?.positions == 0..<9000)
            }
            #expect(added.id(at: 8999) == 5 + 8999 * 30 && added.positions(of: 6..<36) == 1..<2)
            #expect(try await queue.queue.enqueue(.range(range, request), as: label) == added)
            let error = await #expect(throws: QueueError.self) {
                let other = JobRange(first: 5, count: 9000, step: 31)
                _ = try await queue.queue.enqueue(.range(other, request), as: label)
            }
            #expect(error?.code == .keyTaken)
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            let segments = try await queue.claim(jobs: 9000)
            #expect(segments.allSatisfy { $0.batch == added })
            try await store.expectSound(queue)
            await watcher.close()
            await queue.close()
        },
        // One key names one batch, and the second to come is told so.
        StoreCase("addBatch_tellsWhatIsNew") { store in
            let (queue, other) = (try await store.open(), try await store.open())
            let source = BatchSource.range(JobRange(first: 0, count: 3), request)
            let label = BatchLabel(key: "k", name: "n")
            let first = try await queue.queue.addBatch(source, as: label)
            let second = try await other.queue.addBatch(source, as: label)
            #expect(first.isNew && !second.isNew && first.batch == second.batch)
            #expect(try await queue.counts().total == 3)
            await other.close()
            await queue.close()
        },
        // What asks for changes is never queued as what asks plainly.
        StoreCase("conditions_areKept_orRefused") { store in
            let queue = try await store.open()
            let range = JobRange(first: 0, count: 3)
            _ = try await queue.enqueue(range, request: request)
            let label = BatchLabel(key: "k", conditionalOn: 1)
            var isUnsupported = false
            do throws(QueueError) {
                try await queue.queue.checkKeepsValidators()
            } catch {
                #expect(error.code == .unsupported)
                isUnsupported = true
            }
            func code(_ body: () async throws -> Void) async throws -> QueueError.Code? {
                do {
                    try await body()
                    return nil
                } catch let error as QueueError { return error.code }
            }
            let expected: QueueError.Code? = isUnsupported ? .unsupported : nil
            let ofRange = try await code {
                _ = try await queue.queue.addBatch(.range(range, request), as: label)
            }
            #expect(ofRange == expected)
            let ofList = try await code {
                try await store.add(
                    [block(0..<3, lane: 0)], to: queue, key: "list", conditionalOn: 1)
            }
            #expect(ofList == expected)
            #expect(try await queue.counts().total == (isUnsupported ? 3 : 9))
            if !isUnsupported {
                let plain = try await code {
                    _ = try await queue.queue.addBatch(
                        .range(range, request), as: BatchLabel(key: "k"))
                }
                #expect(plain == .keyTaken)
                let plainList = try await code {
                    try await store.add([block(0..<3, lane: 0)], to: queue, key: "list")
                }
                #expect(plainList == .keyTaken)
                #expect(try await queue.counts().total == 9)
            }
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claim_takesTheHighestPriorityFirst_thenByID") { store in
            let queue = try await store.open()
            for priority in [0, 5, -1000, 5, 0, 1000] {
                let range = JobRange(first: 0, count: 2)
                _ = try await queue.enqueue(range, request: request, priority: priority)
            }
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            var order: [Batch.ID] = []
            for _ in 0..<3 { order += try await queue.claim(jobs: 2).map(\.batch.id) }
            #expect(order == [6, 2, 4])
            // One that comes later goes before what is left.
            _ = try await queue.enqueue(
                JobRange(first: 0, count: 2), request: request, priority: 1)
            order = try await queue.claim(jobs: 100).map(\.batch.id)
            #expect(order == [7, 1, 5, 3])
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claim_takesListsByPriority_too") { store in
            let queue = try await store.open()
            let range = JobRange(first: 0, count: 2)
            _ = try await queue.enqueue(range, request: request, priority: 3)
            for priority in [2, 4] {
                let blocks = [block(0..<3, lane: 0), block(3..<5, lane: 1)]
                try await store.add(blocks, to: queue, priority: priority)
            }
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            #expect(try await queue.claim(jobs: 5).map(\.batch.id) == [3, 3])
            #expect(try await queue.claim(jobs: 7).map(\.batch.id) == [1, 2, 2])
            await queue.close()
        },
        StoreCase("priority_lastsThroughARescue") { store in
            let dead = try await store.open()
            _ = try await dead.enqueue(JobRange(first: 0, count: 2), request: request)
            let urgent = JobRange(first: 0, count: 4096 + 5)
            _ = try await dead.enqueue(urgent, request: request, priority: 7)
            try await store.add(
                [block(0..<3, lane: 0), block(3..<5, lane: 1)], to: dead, priority: 6)
            try await dead.attach(RunnerDescription(pid: 1, workers: 1))
            _ = try await dead.claim(jobs: 100_000)
            // One segment was begun, the others go back.
            try await dead.commit(
                [Mark(batchID: 2, position: 4099, attempt: 1, outcome: ok)], heartbeat: beat)
            await dead.close()
            let queue = try await store.open()
            try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            try await store.expectSound(queue)
            var order: [Batch.ID] = []
            while case let claimed = try await queue.claim(jobs: 1), !claimed.isEmpty {
                order += claimed.map(\.batch.id)
            }
            #expect(order == [2, 2, 3, 3, 1])
            await queue.close()
        },
        StoreCase("batches_tellOfEach_inPages") { store in
            let queue = try await store.open()
            store.clock.unixMicros = 77
            let first = try await queue.enqueue(
                JobRange(first: 5, count: 100), request: request, name: "a", priority: -3)
            let list = try await store.add([block(0..<3, lane: 0)], to: queue, name: "l")
            let last = try await queue.enqueue(JobRange(first: 0, count: 10), request: request)
            try await queue.attach(RunnerDescription(pid: 1, workers: 1, batch: first.id))
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, ok) { $0 < 20 }, heartbeat: beat)
            let retry = Outcome(.retrying, status: 503)
            try await queue.commit(store.marks(segment, retry) { $0 == 20 }, heartbeat: beat)
            let watcher = try await store.open()
            for client in [queue, watcher] {
                let page = try await client.queue.batches(from: 0)
                #expect(page.next == nil)
                #expect(page.summaries.map(\.batch) == [first, list, last])
                #expect(page.summaries.map(\.name) == ["a", "l", nil])
                #expect(page.summaries.map(\.priority) == [-3, 0, 0])
                #expect(page.summaries.map(\.enqueuedAtMicros) == [77, 77, 77])
                let counts = page.summaries.map(\.counts)
                #expect(counts.map(\.total) == [100, 3, 10])
                #expect(counts.map(\.completed) == [20, 0, 0])
                #expect(counts.map(\.retrying) == [1, 0, 0])
                #expect(counts.map(\.running) == [79, 0, 0])
                #expect(counts.map(\.available) == [0, 3, 10])
                for summary in page.summaries {
                    let alone = try await client.queue.counts(of: summary.batch.id)
                    #expect(alone.outcomes == summary.counts.outcomes)
                    #expect(alone.running == summary.counts.running)
                    #expect(alone.total == summary.counts.total)
                }
            }
            var (seen, next): ([Batch.ID], Batch.ID?) = ([], 1)
            while let from = next {
                let page = try await watcher.queue.batches(from: from, limit: 2)
                #expect(page.summaries.count <= 2)
                seen += page.summaries.map(\.batch.id)
                next = page.next
            }
            #expect(seen == [1, 2, 3])
            #expect(try await watcher.queue.batches(from: 4).summaries.isEmpty)
            #expect(try await watcher.queue.counts(of: 4).total == 0)
            await watcher.close()
            await queue.close()
        },
        StoreCase("aRunnerOfOneBatch_leavesOthersAlone") { store in
            let queue = try await store.open()
            let range = JobRange(first: 0, count: 5)
            for priority in [9, 0, 3] {
                _ = try await queue.enqueue(range, request: request, priority: priority)
            }
            // Each batch has a job that waits for a retry.
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            let all = try await queue.claim(jobs: 15)
            let waits = all.flatMap {
                store.marks($0, Outcome(.retrying, status: 503)) { $0 == 2 }
            }
            try await queue.commit(waits, heartbeat: beat)
            try await queue.detach()
            let attachment = try await queue.attach(
                RunnerDescription(pid: 1, workers: 1, batch: 2))
            #expect(attachment.retrying == 1 && attachment.counts.total == 5)
            let claimed = try await queue.claim(jobs: 15)
            #expect(claimed.map(\.batch.id) == [2] && claimed[0].count == 4)
            let retries = try await queue.claimRetries(dueAt: hourMicros, limit: 10)
            #expect(retries.jobs.map(\.batch.id) == [2] && retries.nextDueMicros == nil)
            try await queue.commit(store.marks(claimed[0], ok), heartbeat: beat)
            let tried = Mark(batchID: 2, position: 2, attempt: 2, outcome: ok)
            try await queue.commit([tried], heartbeat: beat)
            #expect(try await queue.nextClaim() == .finished)
            #expect(try await queue.queue.counts(of: 2).completed == 5)
            #expect(try await queue.counts().available == 8)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("references_areThoseOfOneBatch_whereOneIsNamed") { store in
            let queue = try await store.open()
            for file in ["/a", "/b"] {
                let request = try RequestTemplate(
                    parsing: "http://h/{id}", headers: [.file(path: file)])
                _ = try await queue.enqueue(JobRange(first: 0, count: 1), request: request)
            }
            #expect(try await queue.queue.references(of: 2) == [.file(path: "/b")])
            #expect(try await queue.queue.references(of: nil).count == 2)
            await queue.close()
        },
    ]
}

extension StoreUnderTest {
    /// Adds a list of these blocks.
    @discardableResult
    fileprivate func add(
        _ blocks: [ListBlock], to queue: StoreClient, key: String? = nil, name: String? = nil,
        priority: Int = 0, conditionalOn base: Batch.ID? = nil
    ) async throws -> Batch? {
        let list = try await queue.queue.addList(lineRequest, lineFields)
        try await list.add(blocks)
        do {
            let label = BatchLabel(
                key: key, name: name, priority: priority, conditionalOn: base)
            return try await list.finish(as: label)?.batch
        } catch {
            await list.abandon()
            throw error
        }
    }
}
