// swift-format-ignore-file: AlwaysUseLowerCamelCase
// These are named as tests are, for what they show.

import JobStore
import TestSupport
import Testing

/// What every store must do, whatever it is made of. A store's own suite calls each of these with
/// a way to open one queue several times, as several processes would.
struct JobQueueConformance {
    /// Opens the queue under test, made if missing; each call is a connection of its own.
    let open: () async throws -> any JobQueue

    // try! holds: a literal, and valid.
    static let request = try! RequestTemplate(parsing: "http://127.0.0.1/{id}")

    func enqueued(_ count: Int, first: Int = 0) async throws -> any JobQueue {
        let queue = try await open()
        _ = try await queue.enqueue(JobRange(first: first, count: count), request: Self.request)
        return queue
    }

    func attached(_ count: Int, first: Int = 0) async throws -> any JobQueue {
        let queue = try await enqueued(count, first: first)
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 10))
        return queue
    }

    func marks(
        _ segment: Segment, _ outcome: Outcome, attempt: Int = 1,
        where isWanted: (Int) -> Bool = { _ in true }
    ) -> [Mark] {
        segment.todo.flatMap { $0 }.filter(isWanted).map {
            Mark(batchID: segment.batch.id, position: $0, attempt: attempt, outcome: outcome)
        }
    }

    let beat = Heartbeat(requestsPerSecond: 10)
    let ok = Outcome(.completed, status: 200)

    func expectSound(_ queue: any JobQueue) async throws {
        let faults = try await queue.verify()
        #expect(faults == [])
    }

    // MARK: - Enqueue and claim

    func enqueue_makesAllJobsAvailable() async throws {
        let queue = try await enqueued(100_000_000)
        let counts = try await queue.counts()
        #expect(
            counts.total == 100_000_000 && counts.available == 100_000_000
                && counts.left == counts.total)
        #expect(counts.outcomes == [] && counts.run == nil)
        try await expectSound(queue)
        await queue.close()
    }

    func claim_cutsSegmentsInOrder_untilNoneIsLeft() async throws {
        let queue = try await attached(10_000, first: 500)
        var positions: [Int] = []
        var counts: [Int] = []
        while let segment = try await queue.claim(jobs: 1).first {
            #expect(segment.batch.range == JobRange(first: 500, count: 10_000))
            positions += segment.todo.flatMap { $0 }
            counts.append(segment.count)
        }
        #expect(positions == Array(0..<10_000))
        #expect(counts == [4096, 4096, 1808])
        #expect(try await queue.claim(jobs: 32_768).isEmpty)
        #expect(try await queue.counts().running == 10_000)
        try await expectSound(queue)
        await queue.close()
    }

    func claim_leasesAsManySegmentsAsHoldItsJobs() async throws {
        let queue = try await attached(100_000)
        #expect(try await queue.claim(jobs: 3 * 4096).count == 3)
        #expect(try await queue.counts().running == 3 * 4096)
        #expect(try await queue.claim(jobs: 4097).count == 2)
        #expect(try await queue.claim(jobs: 1).count == 1)
        #expect(try await queue.counts().running == 6 * 4096)
        await queue.close()
    }

    func claim_findsBatchesEnqueuedMeanwhile() async throws {
        let queue = try await attached(10)
        #expect(try await queue.claim(jobs: 20_480).count == 1)
        let other = try await open()
        let added = try await other.enqueue(JobRange(first: 7, count: 3), request: Self.request)
        let segments = try await queue.claim(jobs: 20_480)
        #expect(segments.map(\.batch) == [added])
        await other.close()
        await queue.close()
    }

    /// A queue of batches of one job each, with IDs from 100 on.
    private func attached(batches: Int) async throws -> any JobQueue {
        let queue = try await open()
        for number in 0..<batches {
            _ = try await queue.enqueue(
                JobRange(first: 100 + number, count: 1), request: Self.request)
        }
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 10))
        return queue
    }

    func claim_takesManySmallBatchesAtOnce() async throws {
        let queue = try await attached(batches: 300)
        let segments = try await queue.claim(jobs: 200)
        #expect(segments.map(\.batch.id) == Array(1...200))
        #expect(segments.map(\.batch.range.first) == Array(100..<300))
        #expect(segments.allSatisfy { $0.todo == [0..<1] })
        #expect(try await queue.claim(jobs: 200).map(\.batch.id) == Array(201...300))
        #expect(try await queue.claim(jobs: 1).isEmpty)
        #expect(try await queue.counts().running == 300)
        try await expectSound(queue)
        await queue.close()
    }

    func claim_leavesSkippedBatchesAlone() async throws {
        let queue = try await attached(10_000)
        for _ in 0..<2 {
            _ = try await queue.enqueue(JobRange(first: 0, count: 3), request: Self.request)
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
        try await expectSound(queue)
        await queue.close()
    }

    // MARK: - Commit

    func commit_takesMarksOfManyBatches() async throws {
        let queue = try await attached(batches: 300)
        _ = try await queue.enqueue(JobRange(first: 0, count: 3), request: Self.request)
        let segments = try await queue.claim(jobs: 400)
        let (failed, waiting) = (Outcome(.failed, status: 404), Outcome(.retrying, .dns))
        let outcomes = segments.flatMap { segment in
            marks(segment, segment.batch.id % 3 == 0 ? failed : ok)
        }
        let retries = [1, 2, 301].map {
            Mark(batchID: $0, position: 0, attempt: 1, outcome: waiting, notBeforeMicros: 5)
        }
        let first = outcomes.filter { mark in
            !retries.contains { $0.batchID == mark.batchID && $0.position == mark.position }
        }
        try await queue.commit((first + retries).shuffled(), heartbeat: beat)
        let counts = try await queue.counts()
        #expect(counts.completed == 200 && counts.failed == 100 && counts.retrying == 3)
        try await expectSound(queue)
        #expect(try await queue.claimRetries(dueAt: 5, limit: 10).jobs.count == 3)
        let second = [1, 2, 301].map { Mark(batchID: $0, position: 0, attempt: 2, outcome: ok) }
        try await queue.commit(second, heartbeat: beat)
        let last = try await queue.counts()
        #expect(last.completed == 203 && last.failed == 100 && last.left == 0)
        try await expectSound(queue)
        await queue.close()
    }

    func commit_meltsAFinishedQueueIntoItsTallies() async throws {
        let queue = try await attached(20_000)
        let segments = try await queue.claim(jobs: 40_960)
        // Out of order and in halves: what is alike still becomes one.
        for segment in segments.shuffled() {
            try await queue.commit(marks(segment, ok) { $0 % 2 == 1 }, heartbeat: beat)
            try await queue.commit(marks(segment, ok) { $0 % 2 == 0 }, heartbeat: beat)
            try await expectSound(queue)
        }
        let counts = try await queue.counts()
        #expect(counts.completed == 20_000 && counts.left == 0 && counts.running == 0)
        #expect(counts.outcomes == [.init(label: "200", state: .completed, count: 20_000)])
        await queue.close()
    }

    func commit_keepsMixedOutcomesApart() async throws {
        let queue = try await attached(5000)
        let outcomes = [
            ok, Outcome(.failed, status: 404), Outcome(.failed, .timeout),
            Outcome(.completed, status: 204),
        ]
        for segment in try await queue.claim(jobs: 40_960) {
            let marks = segment.todo.flatMap { $0 }.map {
                Mark(batchID: segment.batch.id, position: $0, attempt: 1, outcome: outcomes[$0 % 4])
            }
            try await queue.commit(marks, heartbeat: beat)
        }
        let counts = try await queue.counts()
        #expect(counts.completed == 2500 && counts.failed == 2500)
        #expect(Set(counts.outcomes.map(\.label)) == ["200", "404", "timeout", "204"])
        #expect(counts.outcomes.allSatisfy { $0.count == 1250 })
        try await expectSound(queue)
        await queue.close()
    }

    func commit_refusesAJobMarkedBefore_andRecordsNothingOfIt() async throws {
        let queue = try await attached(10)
        let segment = try await queue.claim(jobs: 1)[0]
        try await queue.commit(marks(segment, ok) { $0 < 5 }, heartbeat: beat)
        await expectFenced {
            try await queue.commit(self.marks(segment, self.ok) { $0 >= 4 }, heartbeat: self.beat)
        }
        let counts = try await queue.counts()
        #expect(counts.completed == 5 && counts.running == 5)
        try await expectSound(queue)
        await queue.close()
    }

    func commit_refusesAJobOfNobody() async throws {
        let queue = try await attached(10_000)
        let stray = Mark(batchID: 1, position: 9000, attempt: 1, outcome: ok)
        await expectFenced { try await queue.commit([stray], heartbeat: self.beat) }
        let alien = Mark(batchID: 99, position: 0, attempt: 1, outcome: ok)
        await expectFenced { try await queue.commit([alien], heartbeat: self.beat) }
        try await expectSound(queue)
        await queue.close()
    }

    func commit_survivesMoreOutcomesThanItKeepsApart() async throws {
        let queue = try await attached(900)
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
        try await expectSound(queue)
        await queue.close()
    }

    // MARK: - Retries

    func retry_waitsUntilItIsDue_thenCarriesItsAttempts() async throws {
        let queue = try await attached(10)
        let segment = try await queue.claim(jobs: 1)[0]
        let waiting = Outcome(.retrying, status: 503)
        let marks = segment.todo.flatMap { $0 }.map {
            Mark(
                batchID: segment.batch.id, position: $0, attempt: 1,
                outcome: $0 == 3 ? waiting : ok,
                notBeforeMicros: $0 == 3 ? 1000 : 0)
        }
        try await queue.commit(marks, heartbeat: beat)
        try await expectSound(queue)
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
            batchID: 1, position: 3, attempt: 2, outcome: waiting, notBeforeMicros: 2000)
        try await queue.commit([again], heartbeat: beat)
        try await expectSound(queue)
        #expect(try await queue.claimRetries(dueAt: 2000, limit: 10).jobs.map(\.attempts) == [2])
        try await queue.commit(
            [Mark(batchID: 1, position: 3, attempt: 3, outcome: ok)], heartbeat: beat)
        let counts = try await queue.counts()
        #expect(counts.completed == 10 && counts.outcomes.count == 1)
        try await expectSound(queue)
        await queue.close()
    }

    func retry_survivesARestart() async throws {
        let queue = try await attached(2)
        let segment = try await queue.claim(jobs: 1)[0]
        let waiting = marks(segment, Outcome(.retrying, .timeout))
        try await queue.commit(waiting, heartbeat: beat)
        try await queue.detach()
        await queue.close()

        let next = try await open()
        let attachment = try await next.attach(RunnerDescription(pid: 2, workers: 1))
        #expect(attachment.rescued == 0 && attachment.counts.retrying == 2)
        #expect(try await next.claimRetries(dueAt: 1, limit: 1).jobs.map(\.attempts) == [1])
        try await next.detach()
        // Given back with its attempt.
        _ = try await next.attach(RunnerDescription(pid: 2, workers: 1))
        #expect(try await next.claimRetries(dueAt: 1, limit: 5).jobs.map(\.attempts) == [1, 1])
        try await expectSound(next)
        await next.close()
    }

    func retry_isDue_whenTheClockWasSetBack() async throws {
        let queue = try await attached(1)
        _ = try await queue.claim(jobs: 1)
        let late = Mark(
            batchID: 1, position: 0, attempt: 1, outcome: Outcome(.retrying, status: 500),
            notBeforeMicros: Retry.maximumWaitMicros + 2001)
        try await queue.commit([late], heartbeat: beat)
        #expect(try await queue.claimRetries(dueAt: 2001, limit: 1).jobs.isEmpty)
        #expect(try await queue.claimRetries(dueAt: 2000, limit: 1).jobs.count == 1)
        await queue.close()
    }

    /// Commits the first attempts of a new queue's jobs as failed, each with its own next time.
    private func waiting(until times: Int...) async throws -> any JobQueue {
        let queue = try await attached(times.count)
        _ = try await queue.claim(jobs: 1)
        let unavailable = Outcome(.retrying, status: 503)
        let marks = times.enumerated().map { position, micros in
            Mark(
                batchID: 1, position: position, attempt: 1, outcome: unavailable,
                notBeforeMicros: micros)
        }
        try await queue.commit(marks, heartbeat: beat)
        return queue
    }

    private static let hourMicros = 3_600_000_000

    /// A clock that is corrected by a second must not make an hour's wait end at once.
    func retry_waitsAnHour_overARestart() async throws {
        let now = 1_700_000_000_000_000
        let queue = try await waiting(until: now + Self.hourMicros)
        let corrected = try await queue.claimRetries(dueAt: now - 1_000_000, limit: 10)
        #expect(corrected.jobs.isEmpty && corrected.nextDueMicros == now + Self.hourMicros)
        try await queue.detach()
        await queue.close()

        let next = try await open()
        _ = try await next.attach(RunnerDescription(pid: 2, workers: 1))
        for micros in [0, 1, Self.hourMicros - 1] {
            #expect(try await next.claimRetries(dueAt: now + micros, limit: 10).jobs.isEmpty)
        }
        let due = try await next.claimRetries(dueAt: now + Self.hourMicros, limit: 10)
        #expect(due.jobs.map(\.attempts) == [1])
        await next.close()
    }

    /// No job is told to wait two hours; and the others wait on.
    func retry_isDue_whenTheClockWasSetBackByHours() async throws {
        let now = 1_700_000_000_000_000
        let queue = try await waiting(
            until: now + 2 * Self.hourMicros, now + 5_000_000, now + 24 * Self.hourMicros, now)
        let claim = try await queue.claimRetries(dueAt: now, limit: 10)
        #expect(Set(claim.jobs.map(\.position)) == [0, 2, 3])
        #expect(claim.nextDueMicros == now + 5_000_000)
        try await expectSound(queue)
        await queue.close()
    }

    func retry_marksAreFenced() async throws {
        let queue = try await attached(2)
        let segment = try await queue.claim(jobs: 1)[0]
        try await queue.commit(marks(segment, Outcome(.retrying, status: 500)), heartbeat: beat)
        // Never claimed again, so nobody may mark it.
        let mark = Mark(batchID: 1, position: 0, attempt: 2, outcome: ok)
        await expectFenced { try await queue.commit([mark], heartbeat: self.beat) }
        try await expectSound(queue)
        await queue.close()
    }

    // MARK: - Runners

    func attach_rescuesWhatADeadRunnerHeld() async throws {
        var queue: (any JobQueue)? = try await attached(10_000)
        let segments = try await queue!.claim(jobs: 8192)
        try await queue!.commit(marks(segments[0], ok) { $0 < 1000 }, heartbeat: beat)
        await queue!.close()  // without detaching: as a killed process leaves it
        queue = nil

        let next = try await open()
        let attachment = try await next.attach(RunnerDescription(pid: 2, workers: 10))
        #expect(attachment.rescued == 2 * 4096 - 1000)
        #expect(attachment.mayRepeat > 0 && attachment.mayRepeat <= attachment.rescued)
        #expect(attachment.counts.available == 9000 && attachment.counts.completed == 1000)
        try await expectSound(next)
        var positions: Set<Int> = []
        while let segment = try await next.claim(jobs: 1).first {
            positions.formUnion(segment.todo.flatMap { $0 })
        }
        #expect(positions == Set(1000..<10_000))
        await next.close()
    }

    func attach_isRefused_whileAnotherRunnerLives() async throws {
        let queue = try await attached(10)
        let other = try await open()
        let error = await #expect(throws: QueueError.self) {
            try await other.attach(RunnerDescription(pid: 2, workers: 1))
        }
        #expect(error?.code == .inUse)
        #expect(error?.description.contains("process 1 ") == true)
        #expect(try await other.counts().run?.pid == 1)
        try await queue.detach()
        _ = try await other.attach(RunnerDescription(pid: 2, workers: 1))
        await other.close()
        await queue.close()
    }

    func detach_givesEverythingBack() async throws {
        let queue = try await attached(10_000)
        let segments = try await queue.claim(jobs: 8192)
        try await queue.commit(marks(segments[1], ok) { $0 < 5000 }, heartbeat: beat)
        try await queue.detach()
        let counts = try await queue.counts()
        #expect(
            counts.running == 0 && counts.completed == 904 && counts.available == 9096
                && counts.run == nil)
        try await expectSound(queue)
        let attachment = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        #expect(attachment.rescued == 0 && attachment.mayRepeat == 0)
        await queue.close()
    }

    func commit_tellsOfTheRunner() async throws {
        let queue = try await attached(10)
        let segment = try await queue.claim(jobs: 1)[0]
        try await queue.commit(
            marks(segment, ok) { $0 == 0 }, heartbeat: Heartbeat(requestsPerSecond: 123.5))
        let watcher = try await open()
        let run = try await watcher.counts().run
        #expect(run?.requestsPerSecond == 123.5 && run?.workers == 10 && run?.pid == 1)
        await watcher.close()
        await queue.close()
    }

    func commit_ofNothing_isAHeartbeat() async throws {
        let queue = try await attached(10)
        let segment = try await queue.claim(jobs: 1)[0]
        try await queue.commit(marks(segment, ok) { $0 < 4 }, heartbeat: beat)
        let before = try await queue.counts()
        #expect(before.run?.trouble == nil)

        let watcher = try await open()
        let trouble = "127.0.0.1:80 cannot be reached, since 'it' is \"away\"; ½"
        try await queue.commit([], heartbeat: Heartbeat(requestsPerSecond: 2, trouble: trouble))
        let during = try await watcher.counts()
        #expect(during.run?.trouble == trouble && during.run?.requestsPerSecond == 2)
        #expect(during.outcomes == before.outcomes && during.running == 6 && during.total == 10)
        try await expectSound(queue)

        try await queue.commit([], heartbeat: beat)
        #expect(try await watcher.counts() == before)
        await watcher.close()
        await queue.close()
    }

    func trouble_endsWithItsRunner() async throws {
        let queue = try await attached(10)
        let other = try await open()
        try await queue.commit([], heartbeat: Heartbeat(requestsPerSecond: 0, trouble: "away"))
        try await queue.detach()
        #expect(try await other.counts().run == nil)
        _ = try await other.attach(RunnerDescription(pid: 2, workers: 1))
        #expect(try await other.counts().run?.trouble == nil)
        await other.close()
        await queue.close()
    }

    // MARK: - All of it, at random

    /// Any order of claims, commits, retries, detaches and deaths leaves a sound queue.
    func anyOrderOfVerbs_keepsTheInvariant(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var queue = try await attached(Int.random(in: 1...30_000, using: &random))
        var held: [(position: Int, attempt: Int, batch: Int)] = []
        var nowMicros = 0
        for _ in 0..<60 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...2:
                for segment in try await queue.claim(
                    jobs: Int.random(in: 1...12_288, using: &random))
                {
                    held += segment.todo.flatMap { $0 }.map { ($0, 1, segment.batch.id) }
                }
            case 3:
                nowMicros += 50
                let claim = try await queue.claimRetries(dueAt: nowMicros, limit: 2000)
                held += claim.jobs.map { ($0.position, $0.attempts + 1, $0.batch.id) }
            case 4...7:
                held.shuffle(using: &random)
                let done = held.suffix(Int.random(in: 0...5000, using: &random))
                held.removeLast(done.count)
                let choices = [
                    ok, ok, ok, ok, Outcome(.failed, status: 404), Outcome(.retrying, status: 503),
                ]
                let allAlike = Bool.random(using: &random)
                let marks = done.map { job in
                    Mark(
                        batchID: job.batch, position: job.position, attempt: job.attempt,
                        outcome: allAlike ? ok : choices.randomElement(using: &random)!,
                        notBeforeMicros: nowMicros + Int.random(in: 0...200, using: &random))
                }
                try await queue.commit(marks, heartbeat: beat)
            case 8:
                _ = try await queue.enqueue(
                    JobRange(first: 5, count: Int.random(in: 1...9000, using: &random)),
                    request: Self.request)
            default:
                if Bool.random(using: &random) { try await queue.detach() }
                await queue.close()
                queue = try await open()
                _ = try await queue.attach(RunnerDescription(pid: 1, workers: 10))
                held = []
            }
            try await expectSound(queue)
            let counts = try await queue.counts()
            #expect(counts.available >= 0 && counts.running == held.count, "seed \(seed)")
        }
        await queue.close()
    }

    func expectFenced(_ body: @escaping () async throws -> Void) async {
        let error = await #expect(throws: QueueError.self) { try await body() }
        #expect(error?.code == .fenced)
    }
}
