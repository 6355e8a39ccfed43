import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let cancelling: [StoreCase] = [
        StoreCase("cancel_takesBackWhatIsNotStarted_andLeavesWhatIsDone") { store in
            let queue = try await store.attached(10_000)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, ok) { $0 < 100 }, heartbeat: beat)
            try await queue.detach()
            store.clock.unixMicros = 77
            let first = try await queue.queue.cancel(1)
            #expect(first == Cancellation(cancelled: 9900, running: 0, isNew: true))
            let counts = try await queue.counts()
            #expect(counts.total == 10_000 && counts.completed == 100 && counts.failed == 0)
            #expect(counts.cancelled == 9900 && counts.available == 0 && counts.left == 0)
            #expect(counts.wanted == 100 && counts.done == 100)
            try await store.expectSpans(
                queue, "1: 0..<100 completed 200", "1: 100..<10000 cancelled")
            try await store.expectSound(queue)
            // Once more is no error, and changes nothing.
            store.clock.unixMicros = 78
            let second = try await queue.queue.cancel(1)
            #expect(second == Cancellation(cancelled: 0, running: 0, isNew: false))
            let summary = try await queue.queue.batches(from: 1).summaries[0]
            #expect(summary.cancelledAtMicros == 77 && summary.counts.cancelled == 9900)
            let attachment = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            #expect(attachment.counts.left == 0 && attachment.rescued == 0)
            #expect(try await queue.nextClaim() == .finished)
            await queue.close()
        },
        StoreCase("cancel_ofABatch_leavesOthersAlone") { store in
            let queue = try await store.open()
            for priority in [3, 0, 3] {
                let range = JobRange(first: 0, count: 5)
                _ = try await queue.enqueue(range, request: request, priority: priority)
            }
            for id in [3, 2] { #expect(try await queue.queue.cancel(id).cancelled == 5) }
            try await store.expectSpans(
                queue, "1: 0..<5 available", "2: 0..<5 cancelled", "3: 0..<5 cancelled")
            let summaries = try await queue.queue.batches(from: 0).summaries
            #expect(summaries.map { $0.cancelledAtMicros != nil } == [false, true, true])
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            #expect(try await queue.claim(jobs: 15).map(\.batch.id) == [1])
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("cancel_ofABatchThatIsNotThere_isRefused") { store in
            let queue = try await store.enqueued(5)
            for id in [0, 2, -1, Int.max] {
                let error = await #expect(throws: QueueError.self) {
                    try await queue.queue.cancel(id)
                }
                #expect(error?.code == .noBatch)
            }
            #expect(try await queue.counts().available == 5)
            await queue.close()
        },
        StoreCase("cancel_ofAList_keepsItsLines") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(lineRequest, lineFields)
            try await list.add([
                block(0..<5, lane: 7), block(5..<9, lane: 2), block(9..<12, lane: 7),
            ])
            let batch = try #require(try await list.finish(as: BatchLabel())?.batch)
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            _ = try await queue.claim(jobs: 5)
            try await queue.commit(
                [Mark(batchID: 1, position: 1, attempt: 1, outcome: ok)], heartbeat: beat)
            try await queue.detach()
            #expect(try await queue.queue.cancel(1).cancelled == 11)
            try await store.expectSpans(
                queue, "1: 0..<1 cancelled", "1: 1..<2 completed 200", "1: 2..<12 cancelled")
            for position in 0..<12 {
                let read = try await queue.queue.block(holding: position, of: batch)
                #expect(read.positions.contains(position))
            }
            try await store.expectSound(queue)
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            #expect(try await queue.nextClaim() == .finished)
            await queue.close()
        },
        StoreCase("cancel_takesRetriesBack_butNotThoseARunnerHolds") { store in
            let queue = try await store.waiting(until: 10, 20, hourMicros)
            #expect(try await queue.claimRetries(dueAt: 15, limit: 9).jobs.map(\.position) == [0])
            let result = try await queue.queue.cancel(1)
            #expect(result == Cancellation(cancelled: 2, running: 1, isNew: true))
            let left = try await queue.claimRetries(dueAt: hourMicros, limit: 9)
            #expect(left.jobs.isEmpty && left.nextDueMicros == nil)
            try await store.expectSound(queue)
            let counts = try await queue.counts()
            #expect(counts.running == 1 && counts.retrying == 0 && counts.cancelled == 2)
            try await queue.commit(
                [Mark(batchID: 1, position: 0, attempt: 2, outcome: ok)], heartbeat: beat)
            try await store.expectSpans(
                queue, "1: 0..<1 completed 200", "1: 1..<3 cancelled")
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("cancel_leavesALiveRunnerWhatItHolds_andTakesWhatItGivesBack") { store in
            let queue = try await store.attached(10_000)
            let segment = try await queue.claim(jobs: 1)[0]
            let other = try await store.open()
            let result = try await other.queue.cancel(1)
            #expect(result == Cancellation(cancelled: 5904, running: 4096, isNew: true))
            try await store.expectSound(other)
            try await queue.commit(store.marks(segment, ok) { $0 < 10 }, heartbeat: beat)
            // What would be tried again is not.
            let unavailable = Outcome(.retrying, status: 503)
            try await queue.commit(
                store.marks(segment, unavailable) { 10..<20 ~= $0 }, heartbeat: beat)
            try await store.expectSound(queue)
            #expect(try await queue.counts().cancelled == 5914)
            let retries = try await queue.claimRetries(dueAt: hourMicros, limit: 9)
            #expect(retries.jobs.isEmpty && retries.nextDueMicros == nil)
            try await queue.detach()
            let counts = try await other.counts()
            #expect(counts.completed == 10 && counts.cancelled == 9990 && counts.left == 0)
            try await store.expectSpans(
                other, "1: 0..<10 completed 200", "1: 10..<10000 cancelled")
            try await store.expectSound(other)
            await other.close()
            await queue.close()
        },
        StoreCase("cancel_takesARetryThatItsRunnerWouldTryOnceMore") { store in
            let queue = try await store.waiting(until: 10, 10)
            _ = try await queue.claimRetries(dueAt: 10, limit: 9)
            #expect(try await queue.queue.cancel(1).running == 2)
            let again = Mark(
                batchID: 1, position: 0, attempt: 2, outcome: Outcome(.retrying, .timeout))
            try await queue.commit([again], heartbeat: beat)
            try await store.expectSound(queue)
            #expect(try await queue.counts().cancelled == 1)
            // The other one is given back.
            try await queue.detach()
            try await store.expectSpans(queue, "1: 0..<2 cancelled")
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("cancel_takesWhatADeadRunnerHeld") { store in
            let dead = try await store.attached(10_000)
            let segments = try await dead.claim(jobs: 8192)
            let waits = Outcome(.retrying, status: 503)
            try await dead.commit(
                store.marks(segments[0], ok) { $0 < 5 }
                    + store.marks(segments[0], waits) { 5..<9 ~= $0 }, heartbeat: beat)
            _ = try await dead.claimRetries(dueAt: hourMicros, limit: 2)
            await dead.close()
            let queue = try await store.open()
            let result = try await queue.queue.cancel(1)
            #expect(result == Cancellation(cancelled: 9995, running: 0, isNew: true))
            try await store.expectSpans(
                queue, "1: 0..<5 completed 200", "1: 5..<10000 cancelled")
            try await store.expectSound(queue)
            let attachment = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(attachment.rescued == 0 && attachment.retrying == 0)
            await queue.close()
        },
        StoreCase("attach_cancelsWhatADeadRunnerHeldOfACancelledBatch") { store in
            let dead = try await store.attached(10_000)
            _ = try await dead.enqueue(JobRange(first: 0, count: 50), request: request)
            let segments = try await dead.claim(jobs: 12_000)
            let waits = Outcome(.retrying, status: 503)
            try await dead.commit(store.marks(segments[0], waits) { $0 < 9 }, heartbeat: beat)
            _ = try await dead.claimRetries(dueAt: hourMicros, limit: 4)
            #expect(try await dead.queue.cancel(1).cancelled == 5)
            await dead.close()
            let queue = try await store.open()
            let attachment = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(attachment.rescued == 50 && attachment.retrying == 0)
            #expect(attachment.counts.cancelled == 10_000 && attachment.counts.available == 50)
            try await store.expectSpans(queue, "1: 0..<10000 cancelled", "2: 0..<50 available")
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("park_ofACancelledBatch_cancels") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(lineRequest, lineFields)
            try await list.add([block(0..<5, lane: 0), block(5..<9, lane: 1)])
            _ = try await list.finish(as: BatchLabel(priority: 4))
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            _ = try await queue.claim(jobs: 9)
            // One was parked before, one is after.
            try await queue.lease.park([LedgerPlace(batchID: 1, position: 0)], for: .seconds(60))
            let result = try await queue.queue.cancel(1)
            #expect(result == Cancellation(cancelled: 5, running: 4, isNew: true))
            try await queue.lease.park([LedgerPlace(batchID: 1, position: 5)], for: .seconds(60))
            #expect(try await queue.counts().cancelled == 9)
            #expect(try await queue.nextClaim() == .finished)
            try await store.expectSpans(queue, "1: 0..<9 cancelled")
            try await store.expectSound(queue)
            await queue.close()
        },
    ]
}
