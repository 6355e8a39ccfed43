import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let claims: [StoreCase] = [
        StoreCase("enqueue_makesAllJobsAvailable") { store in
            let queue = try await store.enqueued(100_000_000)
            let counts = try await queue.counts()
            #expect(
                counts.total == 100_000_000 && counts.available == 100_000_000
                    && counts.left == counts.total)
            #expect(counts.outcomes == [] && counts.runs.isEmpty)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("enqueue_isDoneOnce_withOneKey") { store in
            let queue = try await store.open()
            let range = JobRange(first: 5, count: 10)
            let first = try await queue.enqueue(range, request: request, key: "monday")
            #expect(try await queue.enqueue(range, request: request, key: "monday") == first)
            let error = await #expect(throws: QueueError.self) {
                try await queue.enqueue(
                    JobRange(first: 5, count: 11), request: request, key: "monday")
            }
            #expect(error?.code == .keyTaken)
            let second = try await queue.enqueue(range, request: request, key: "tuesday")
            let third = try await queue.enqueue(range, request: request)
            #expect(Set([first.id, second.id, third.id]).count == 3)
            #expect(try await queue.counts().total == 30)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claim_ofAnEmptyQueue_isFinished") { store in
            let queue = try await store.attached(10)
            #expect(try await queue.nextClaim() == .now)
            #expect(try await queue.nextClaim() == .finished)
            await queue.close()
        },
        StoreCase("claim_cutsSegmentsInOrder_untilNoneIsLeft") { store in
            let queue = try await store.attached(10_000, first: 500)
            var positions: [Int] = []
            var counts: [Int] = []
            while let segment = try await queue.claim(jobs: 1).first {
                #expect(segment.batch.ids == JobRange(first: 500, count: 10_000))
                positions += segment.todo.flatMap { $0 }
                counts.append(segment.count)
            }
            #expect(positions == Array(0..<10_000))
            #expect(counts == [4096, 4096, 1808])
            #expect(try await queue.claim(jobs: 32_768).isEmpty)
            #expect(try await queue.counts().running == 10_000)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claim_leasesAsManySegmentsAsHoldItsJobs") { store in
            let queue = try await store.attached(100_000)
            #expect(try await queue.claim(jobs: 3 * 4096).count == 3)
            #expect(try await queue.counts().running == 3 * 4096)
            #expect(try await queue.claim(jobs: 4097).count == 2)
            #expect(try await queue.claim(jobs: 1).count == 1)
            #expect(try await queue.counts().running == 6 * 4096)
            await queue.close()
        },
        StoreCase("claim_findsBatchesEnqueuedMeanwhile") { store in
            let queue = try await store.attached(10)
            #expect(try await queue.claim(jobs: 20_480).count == 1)
            let other = try await store.open()
            let added = try await other.enqueue(JobRange(first: 7, count: 3), request: request)
            let segments = try await queue.claim(jobs: 20_480)
            #expect(segments.map(\.batch) == [added])
            await other.close()
            await queue.close()
        },
        StoreCase("claim_takesManySmallBatchesAtOnce") { store in
            let queue = try await store.attached(batches: 300)
            let segments = try await queue.claim(jobs: 200)
            #expect(segments.map(\.batch.id) == Array(1...200))
            #expect(segments.map { $0.batch.id(at: 0) } == Array(100..<300))
            #expect(segments.allSatisfy { $0.todo == [0..<1] })
            #expect(try await queue.claim(jobs: 200).map(\.batch.id) == Array(201...300))
            #expect(try await queue.claim(jobs: 1).isEmpty)
            #expect(try await queue.counts().running == 300)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("claim_leavesSkippedBatchesAlone") { store in
            let queue = try await store.attached(10_000)
            for _ in 0..<2 {
                _ = try await queue.enqueue(JobRange(first: 0, count: 3), request: request)
            }
            #expect(try await queue.claim(jobs: 50, skipping: [1, 3, 99]).map(\.batch.id) == [2])
            #expect(try await queue.claim(jobs: 50, skipping: [1, 3]).isEmpty)
            #expect(try await queue.claim(jobs: 5000, skipping: [3]).map(\.batch.id) == [1, 1])
            // What was begun and given back is skipped, too.
            try await queue.commit(
                [Mark(batchID: 1, position: 7, attempt: 1, outcome: ok)], heartbeat: beat)
            try await queue.detach()
            _ = try await queue.attach(RunnerDescription(pid: 1, workers: 10))
            let skipped = Set([1] + Array(3...5000))
            #expect(try await queue.claim(jobs: 50, skipping: skipped).map(\.batch.id) == [2])
            #expect(try await queue.claim(jobs: 50, skipping: skipped).isEmpty)
            #expect(try await queue.claim(jobs: 1).first?.todo == [0..<7, 8..<4096])
            try await store.expectSound(queue)
            await queue.close()
        },
    ]
}
