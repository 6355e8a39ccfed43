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
    ]
}

extension StoreUnderTest {
    /// Adds a list of these blocks.
    @discardableResult
    fileprivate func add(
        _ blocks: [ListBlock], to queue: StoreClient, name: String? = nil, priority: Int = 0
    ) async throws -> Batch? {
        let list = try await queue.queue.addList(lineRequest, lineFields)
        try await list.add(blocks)
        do {
            return try await list.finish(as: BatchLabel(name: name, priority: priority))
        } catch {
            await list.abandon()
            throw error
        }
    }
}
