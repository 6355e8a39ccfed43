import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let commits: [StoreCase] = [
        StoreCase("commit_takesMarksOfManyBatches") { store in
            let queue = try await store.attached(batches: 300)
            _ = try await queue.enqueue(JobRange(first: 0, count: 3), request: request)
            let segments = try await queue.claim(jobs: 400)
            let (failed, waiting) = (Outcome(.failed, status: 404), Outcome(.retrying, .dns))
            let outcomes = segments.flatMap { segment in
                store.marks(segment, segment.batch.id % 3 == 0 ? failed : ok)
            }
            let retries = [1, 2, 301].map {
                Mark(
                    batchID: $0, position: 0, attempt: 1, outcome: waiting,
                    wait: .microseconds(5))
            }
            let first = outcomes.filter { mark in
                !retries.contains { $0.batchID == mark.batchID && $0.position == mark.position }
            }
            try await queue.commit((first + retries).shuffled(), heartbeat: beat)
            let counts = try await queue.counts()
            #expect(counts.completed == 200 && counts.failed == 100 && counts.retrying == 3)
            try await store.expectSound(queue)
            #expect(try await queue.claimRetries(dueAt: 5, limit: 10).jobs.count == 3)
            let second = [1, 2, 301].map { Mark(batchID: $0, position: 0, attempt: 2, outcome: ok) }
            try await queue.commit(second, heartbeat: beat)
            let last = try await queue.counts()
            #expect(last.completed == 203 && last.failed == 100 && last.left == 0)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("commit_meltsAFinishedQueueIntoItsTallies") { store in
            let queue = try await store.attached(20_000)
            let segments = try await queue.claim(jobs: 40_960)
            // Out of order and in halves: what is alike still becomes one.
            for segment in segments.shuffled() {
                try await queue.commit(store.marks(segment, ok) { $0 % 2 == 1 }, heartbeat: beat)
                try await queue.commit(store.marks(segment, ok) { $0 % 2 == 0 }, heartbeat: beat)
                try await store.expectSound(queue)
            }
            let counts = try await queue.counts()
            #expect(counts.completed == 20_000 && counts.left == 0 && counts.running == 0)
            #expect(counts.outcomes == [.init(label: "200", state: .completed, count: 20_000)])
            await queue.close()
        },
        StoreCase("commit_keepsMixedOutcomesApart") { store in
            let queue = try await store.attached(5000)
            let outcomes = [
                ok, Outcome(.failed, status: 404), Outcome(.failed, .timeout),
                Outcome(.completed, status: 204),
            ]
            for segment in try await queue.claim(jobs: 40_960) {
                let marks = segment.todo.flatMap { $0 }.map {
                    Mark(
                        batchID: segment.batch.id, position: $0, attempt: 1,
                        outcome: outcomes[$0 % 4])
                }
                try await queue.commit(marks, heartbeat: beat)
            }
            let counts = try await queue.counts()
            #expect(counts.completed == 2500 && counts.failed == 2500)
            #expect(Set(counts.outcomes.map(\.label)) == ["200", "404", "timeout", "204"])
            #expect(counts.outcomes.allSatisfy { $0.count == 1250 })
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("commit_refusesAJobMarkedBefore_andRecordsNothingOfIt") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, ok) { $0 < 5 }, heartbeat: beat)
            await store.expectFenced {
                try await queue.commit(store.marks(segment, ok) { $0 >= 4 }, heartbeat: beat)
            }
            let counts = try await queue.counts()
            #expect(counts.completed == 5 && counts.running == 5)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("commit_refusesAJobOfNobody") { store in
            let queue = try await store.attached(10_000)
            let stray = Mark(batchID: 1, position: 9000, attempt: 1, outcome: ok)
            await store.expectFenced { try await queue.commit([stray], heartbeat: beat) }
            let alien = Mark(batchID: 99, position: 0, attempt: 1, outcome: ok)
            await store.expectFenced { try await queue.commit([alien], heartbeat: beat) }
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("commit_survivesMoreOutcomesThanItKeepsApart") { store in
            let queue = try await store.attached(900)
            let segment = try await queue.claim(jobs: 1)[0]
            let marks = (0..<900).map {
                Mark(
                    batchID: segment.batch.id, position: $0, attempt: 1,
                    outcome: Outcome(.failed, status: UInt16(100 + $0)))
            }
            try await queue.commit(marks, heartbeat: beat)
            let counts = try await queue.counts()
            #expect(counts.failed == 900 && counts.left == 0)
            #expect(counts.outcomes.contains { $0.label == "other" && $0.count > 600 })
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("commit_tellsOfTheRunner") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(
                store.marks(segment, ok) { $0 == 0 }, heartbeat: Heartbeat(requestsPerSecond: 123.5)
            )
            let watcher = try await store.open()
            let run = try await watcher.counts().runs.first
            #expect(run?.requestsPerSecond == 123.5 && run?.workers == 10 && run?.pid == 1)
            await watcher.close()
            await queue.close()
        },
        StoreCase("commit_ofNothing_isAHeartbeat") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, ok) { $0 < 4 }, heartbeat: beat)
            let before = try await queue.counts()
            #expect(before.runs.first?.trouble == nil)

            let watcher = try await store.open()
            let trouble = "127.0.0.1:80 cannot be reached, since 'it' is \"away\"; ½"
            try await queue.commit([], heartbeat: Heartbeat(requestsPerSecond: 2, trouble: trouble))
            let during = try await watcher.counts()
            #expect(
                during.runs.first?.trouble == trouble && during.runs.first?.requestsPerSecond == 2)
            #expect(during.outcomes == before.outcomes && during.running == 6 && during.total == 10)
            try await store.expectSound(queue)

            try await queue.commit([], heartbeat: beat)
            #expect(try await watcher.counts() == before)
            await watcher.close()
            await queue.close()
        },
    ]
}
