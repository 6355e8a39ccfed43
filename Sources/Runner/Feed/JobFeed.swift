internal import JobStore

/// Decides what to claim, what to hand out, and when a run is finished. Pure: it is told the time
/// and what happened, and answers what to do; `Feed` acts.
struct JobFeed {
    struct Limits {
        /// Claim when fewer jobs than this are ready.
        var ready = 2 * Segment.maximumCount
        /// Hand out nothing while so many attempts ended and are not committed.
        var unmarked = 10_000
        /// Hand out nothing while so many bytes of output wait for their commit.
        var unmarkedBytes = 32 << 20
        /// Claim no new segment while so many jobs wait for a retry.
        var retrying = 100_000
        /// How long an empty queue is not asked again.
        var dryMicros = 1_000_000
        /// How long the clock is not looked at while a retry waits.
        var longestWaitMicros = 60_000_000
    }

    enum Need: Equatable {
        /// Claim segments of so many jobs.
        case jobs(Int)
        /// Claim so many retries that are due.
        case retries(Int)
        /// Nothing to do until then, or until something happens.
        case wait(untilMicros: Int?)
        case finished
    }

    let limits: Limits
    private var fresh = RunQueue()
    private var due = RunQueue()
    /// Handed out; their attempts have not ended.
    private(set) var inFlight = 0
    /// Attempts that ended and are not committed.
    private(set) var unmarked = 0
    /// Bytes of output they stand for.
    private(set) var unmarkedBytes = 0
    /// Rows in the table of retries.
    private(set) var retrying: Int
    /// Of these, leased by us.
    private var retriesHeld = 0
    private var nextRetryWallMicros: Int?
    private var dryUntilMicros = 0
    private var wasDryWhileIdle = false
    /// Whether someone asked for more jobs than there were.
    private(set) var isStarved = false
    private(set) var isDraining = false
    private(set) var breaker = Breaker()

    init(limits: Limits = Limits(), retrying: Int) {
        self.limits = limits
        self.retrying = retrying
        nextRetryWallMicros = retrying > 0 ? 0 : nil
    }

    var ready: Int { fresh.count + due.count }
    private var isIdle: Bool { ready == 0 && inFlight == 0 && unmarked == 0 && retrying == 0 }

    // MARK: - Claiming

    mutating func need(at now: Now) -> Need {
        if isDraining {
            return inFlight == 0 && unmarked == 0 ? .finished : .wait(untilMicros: nil)
        }
        if isIdle && wasDryWhileIdle { return .finished }
        if let until = breaker.pausedUntilMicros, now.monotonicMicros < until {
            return .wait(untilMicros: until)
        }
        // Whatever else is ready: a retry that is due has waited already.
        if let wait = retryWaitMicros(at: now), wait <= 0, due.count < limits.ready {
            nextRetryWallMicros = nil  // the claim tells, and marks made meanwhile
            return .retries(Segment.maximumCount)
        }
        if mayClaimSegments, now.monotonicMicros >= dryUntilMicros || isIdle {
            // Not just what is lacking: each claim is a transaction.
            return .jobs(max(limits.ready - ready, Segment.maximumCount))
        }
        return .wait(untilMicros: nextLook(at: now))
    }

    private var mayClaimSegments: Bool { ready < limits.ready && retrying < limits.retrying }

    /// How long until the next retry is due; `nil` when none waits or too many are due already.
    private func retryWaitMicros(at now: Now) -> Int? {
        guard let next = nextRetryWallMicros, retrying > retriesHeld, due.count < limits.ready
        else {
            return nil
        }
        let wait = next - now.wallMicros
        // Further ahead than any wait: the wall clock was set back, and the queue counts it as due.
        return wait > Retry.maximumWaitMicros ? 0 : wait
    }

    private func nextLook(at now: Now) -> Int? {
        var wait: Int?
        if mayClaimSegments { wait = max(0, dryUntilMicros - now.monotonicMicros) }
        if let retry = retryWaitMicros(at: now) {
            // Looked at again in between, since a wall clock may jump.
            wait = min(wait ?? .max, retry, limits.longestWaitMicros)
        }
        return wait.map { now.monotonicMicros + $0 }
    }

    mutating func add(_ segments: [Segment], _ batch: (Batch) -> RunningBatch, at now: Now) {
        for segment in segments {
            let running = batch(segment.batch)
            for run in segment.todo {
                fresh.append(
                    JobRun(batch: running, first: run.lowerBound, count: run.count, attempt: 1))
            }
        }
        wasDryWhileIdle = segments.isEmpty && isIdle
        dryUntilMicros = segments.isEmpty ? now.monotonicMicros + limits.dryMicros : 0
    }

    mutating func add(_ claim: RetryClaim, _ batch: (Batch) -> RunningBatch) {
        for retry in claim.jobs {
            due.append(
                JobRun(
                    batch: batch(retry.batch), first: retry.position, count: 1,
                    attempt: retry.attempts + 1))
        }
        retriesHeld += claim.jobs.count
        if let next = claim.nextDueMicros {
            nextRetryWallMicros = min(nextRetryWallMicros ?? .max, next)
        }
    }

    // MARK: - Handing out

    /// Moves up to `limit` jobs to `runs`, retries first.
    ///
    /// - Returns: How many.
    mutating func take(_ limit: Int, into runs: inout RunQueue, at now: Now) -> Int {
        guard !isDraining else { return 0 }
        let allowed =
            unmarked >= limits.unmarked || unmarkedBytes >= limits.unmarkedBytes
            ? 0 : breaker.allowed(limit, inFlight: inFlight, at: now)
        var taken = 0
        while taken < allowed, let run = due.take(allowed - taken) ?? fresh.take(allowed - taken) {
            taken += run.count
            runs.append(run)
        }
        inFlight += taken
        isStarved = taken < limit
        return taken
    }

    // MARK: - What happened

    mutating func ended(_ turn: TurnReport, at now: Now) {
        inFlight -= turn.finished + turn.givenBack.count
        unmarked += turn.finished
        unmarkedBytes += turn.outputBytes
        for job in turn.givenBack where !isDraining {
            let run = JobRun(batch: job.batch, first: job.position, count: 1, attempt: job.attempt)
            if job.attempt == 1 { fresh.prepend(run) } else { due.prepend(run) }
        }
        breaker.ended(turn, at: now)
    }

    /// - Parameter bytes: Of output they stand for.
    mutating func marked(_ marks: [Mark], bytes: Int = 0) {
        unmarked -= marks.count
        unmarkedBytes -= bytes
        for mark in marks {
            if mark.attempt > 1 {
                retrying -= 1
                retriesHeld -= 1
            }
            if mark.outcome.state == .retrying {
                retrying += 1
                nextRetryWallMicros = min(nextRetryWallMicros ?? .max, mark.notBeforeMicros)
            }
        }
    }

    mutating func drain() { isDraining = true }
}
