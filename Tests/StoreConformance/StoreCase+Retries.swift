import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let retries: [StoreCase] = [
        StoreCase("retry_waitsUntilItIsDue_thenCarriesItsAttempts") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 1)[0]
            let waiting = Outcome(.retrying, status: 503)
            let marks = segment.todo.flatMap { $0 }.map {
                Mark(
                    batchID: segment.batch.id, position: $0, attempt: 1,
                    outcome: $0 == 3 ? waiting : ok, wait: .microseconds($0 == 3 ? 1000 : 0))
            }
            store.clock.unixMicros = 0
            try await queue.commit(marks, heartbeat: beat)
            try await store.expectSound(queue)
            #expect(try await queue.counts().retrying == 1)
            #expect(try await queue.claim(jobs: 1).isEmpty)

            let early = try await queue.claimRetries(dueAt: 999, limit: 10)
            #expect(early.jobs.isEmpty && early.nextDueMicros == 1000)
            let due = try await queue.claimRetries(dueAt: 1000, limit: 10)
            #expect(
                due.jobs.map(\.position) == [3] && due.jobs.map(\.attempts) == [1]
                    && due.nextDueMicros == nil)
            #expect(try await queue.claimRetries(dueAt: 1000, limit: 10).jobs.isEmpty)
            let running = try await queue.counts()
            #expect(running.retrying == 0 && running.running == 1)

            let again = Mark(
                batchID: 1, position: 3, attempt: 2, outcome: waiting, wait: .microseconds(1000))
            try await queue.commit([again], heartbeat: beat)
            try await store.expectSound(queue)
            #expect(
                try await queue.claimRetries(dueAt: 2000, limit: 10).jobs.map(\.attempts) == [2])
            try await queue.commit(
                [Mark(batchID: 1, position: 3, attempt: 3, outcome: ok)], heartbeat: beat)
            let counts = try await queue.counts()
            #expect(counts.completed == 10 && counts.outcomes.count == 1)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("retriesDue_areCountedByPeriod_thoseDueAlreadyInTheFirst") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 10)[0]
            let waits = [0: 5, 1: 9, 2: 10, 3: 25, 4: 3599]
            store.clock.unixMicros = 1_000_000
            let marks = segment.todo.flatMap { $0 }.map { position in
                Mark(
                    batchID: segment.batch.id, position: position, attempt: 1,
                    outcome: waits[position] == nil ? ok : Outcome(.retrying, status: 503),
                    wait: .seconds(waits[position] ?? 0))
            }
            try await queue.commit(marks, heartbeat: beat)
            let due = try await queue.queue.retriesDue(in: 3, of: .seconds(10))
            // Where a store tells.
            if due.isEmpty { return await queue.close() }
            #expect(due == [2, 1, 1])
            store.clock.unixMicros += 12_000_000
            #expect(try await queue.queue.retriesDue(in: 2, of: .seconds(10)) == [3, 1])
            // One that is being tried waits no longer.
            _ = try await queue.claimRetries(dueAt: 13_000_000, limit: 1)
            #expect(try await queue.queue.retriesDue(in: 2, of: .seconds(10)) == [2, 1])
            await queue.close()
        },
        StoreCase("retry_excusedAttempts_areCountedApart_overARestart") { store in
            let queue = try await store.attached(1)
            _ = try await queue.claim(jobs: 1)
            let waiting = Outcome(.retrying, status: 429)
            store.clock.unixMicros = 5_000
            func mark(_ attempt: Int, isExcused: Bool) -> Mark {
                Mark(
                    batchID: 1, position: 0, attempt: attempt, outcome: waiting,
                    isExcused: isExcused)
            }
            try await queue.commit([mark(1, isExcused: true)], heartbeat: beat)
            let second = try await queue.claimRetries(dueAt: 6_000, limit: 1).jobs[0]
            #expect(second.attempts == 1 && second.excused == 1)
            #expect(second.age == .microseconds(1_000))
            try await queue.commit([mark(2, isExcused: false)], heartbeat: beat)
            let third = try await queue.claimRetries(dueAt: 7_000, limit: 1).jobs[0]
            #expect(third.attempts == 2 && third.excused == 1)
            try await queue.commit([mark(3, isExcused: true)], heartbeat: beat)
            try await queue.detach()
            _ = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            let fourth = try await queue.claimRetries(dueAt: 8_000, limit: 1).jobs[0]
            #expect(fourth.attempts == 3 && fourth.excused == 2)
            #expect(fourth.age == .microseconds(3_000))
            try await store.expectSound(queue)
        },
        StoreCase("retry_survivesARestart") { store in
            let queue = try await store.attached(2)
            let segment = try await queue.claim(jobs: 1)[0]
            let waiting = store.marks(segment, Outcome(.retrying, .timeout))
            store.clock.unixMicros = 0
            try await queue.commit(waiting, heartbeat: beat)
            try await queue.detach()
            await queue.close()

            let next = try await store.open()
            let attachment = try await next.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(attachment.rescued == 0 && attachment.counts.retrying == 2)
            #expect(try await next.claimRetries(dueAt: 1, limit: 1).jobs.map(\.attempts) == [1])
            try await next.detach()
            // Given back with its attempt.
            _ = try await next.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(try await next.claimRetries(dueAt: 1, limit: 5).jobs.map(\.attempts) == [1, 1])
            try await store.expectSound(next)
            await next.close()
        },
        StoreCase("retry_isDue_whenTheClockWasSetBack") { store in
            let queue = try await store.attached(1)
            _ = try await queue.claim(jobs: 1)
            let late = Mark(
                batchID: 1, position: 0, attempt: 1, outcome: Outcome(.retrying, status: 500),
                wait: Retry.waitMax)
            store.clock.unixMicros = (Retry.aheadMax - Retry.waitMax).microseconds + 2001
            try await queue.commit([late], heartbeat: beat)
            #expect(try await queue.claimRetries(dueAt: 2001, limit: 1).jobs.isEmpty)
            #expect(try await queue.claimRetries(dueAt: 2000, limit: 1).jobs.count == 1)
            await queue.close()
        },
        // A clock that is corrected by a second must not make an hour's wait end at once.
        StoreCase("retry_waitsAnHour_overARestart") { store in
            let now = 1_700_000_000_000_000
            let queue = try await store.waiting(until: now + hourMicros)
            let corrected = try await queue.claimRetries(dueAt: now - 1_000_000, limit: 10)
            #expect(corrected.jobs.isEmpty && corrected.nextDueMicros == now + hourMicros)
            try await queue.detach()
            await queue.close()

            let next = try await store.open()
            _ = try await next.attach(RunnerDescription(pid: 2, workers: 1))
            for micros in [0, 1, hourMicros - 1] {
                #expect(try await next.claimRetries(dueAt: now + micros, limit: 10).jobs.isEmpty)
            }
            let due = try await next.claimRetries(dueAt: now + hourMicros, limit: 10)
            #expect(due.jobs.map(\.attempts) == [1])
            await next.close()
        },
        // No job is told to wait two hours; and the others wait on.
        StoreCase("retry_isDue_whenTheClockWasSetBackByHours") { store in
            let now = 1_700_000_000_000_000
            let queue = try await store.waiting(
                until: now + 2 * hourMicros, now + 5_000_000, now + 24 * hourMicros, now)
            let claim = try await queue.claimRetries(dueAt: now, limit: 10)
            #expect(Set(claim.jobs.map(\.position)) == [0, 2, 3])
            #expect(claim.nextDueMicros == now + 5_000_000)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("retry_waitsAnHourAtMost") { store in
            let queue = try await store.attached(1)
            _ = try await queue.claim(jobs: 1)
            let late = Mark(
                batchID: 1, position: 0, attempt: 1, outcome: Outcome(.retrying, status: 500),
                wait: .seconds(100_000))
            store.clock.unixMicros = 5
            try await queue.commit([late], heartbeat: beat)
            #expect(
                try await queue.claimRetries(dueAt: 5, limit: 1).nextDueMicros == 5 + hourMicros)
            await queue.close()
        },
        StoreCase("retry_marksAreFenced") { store in
            let queue = try await store.attached(2)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(
                store.marks(segment, Outcome(.retrying, status: 500)), heartbeat: beat)
            // Never claimed again, so nobody may mark it.
            let mark = Mark(batchID: 1, position: 0, attempt: 2, outcome: ok)
            await store.expectFenced { try await queue.commit([mark], heartbeat: beat) }
            try await store.expectSound(queue)
            await queue.close()
        },
    ]
}
