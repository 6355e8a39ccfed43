internal import JobStore
internal import Synchronization

/// Drives a `JobFeed`: claims from the queue ahead of need and wakes loops that ran out.
final class Feed: Sendable {
    private let state: Mutex<JobFeed>
    private let batches = Mutex<[Batch.ID: RunningBatch]>([:])
    private let bell = Doorbell()
    private let wakeLoops: @Sendable () -> Void
    private let queue: any JobQueue
    private let patience: Patience

    /// - Parameter wakeLoops: Called when loops that had too few jobs may ask again; must not block.
    init(
        queue: any JobQueue, state: JobFeed, patience: Patience,
        wakeLoops: @escaping @Sendable () -> Void
    ) {
        self.queue = queue
        self.patience = patience
        self.state = Mutex(state)
        self.wakeLoops = wakeLoops
    }

    /// Claims until nothing is left to fetch, or until drained.
    ///
    /// - Parameter isStalled: Asked with how long nothing got through, in µs; true ends the run.
    /// - Returns: Whether it ended because of a stall.
    func run(isStalled: (Int) -> Bool) async throws(QueueError) -> Bool {
        while !Task.isCancelled {
            let now = Now.read()
            let (need, troubledSinceMicros, pausedUntilMicros) = state.withLock {
                (
                    $0.need(at: now), $0.breaker.troubledSinceMicros,
                    $0.breaker.pausedUntilMicros
                )
            }
            if let since = troubledSinceMicros, isStalled(now.monotonicMicros - since) {
                return true
            }
            switch need {
            case .jobs(let count):
                let segments = try await patience.whileBusy { () async throws(QueueError) in
                    try await queue.claim(jobs: count, skipping: [])
                }
                let after = Now.read()
                state.withLock { $0.add(segments, running, at: after) }
                if !segments.isEmpty { wakeLoops() }
            case .retries(let limit):
                let claim = try await patience.whileBusy { () async throws(QueueError) in
                    try await queue.claimRetries(dueAt: now.wallMicros, limit: limit)
                }
                state.withLock { $0.add(claim, running) }
                if !claim.jobs.isEmpty { wakeLoops() }
            case .wait(let untilMicros):
                await bell.wait(untilMicros: untilMicros)
                // A pause that is over lets loops ask again; while it lasts they would ask in vain.
                if let until = pausedUntilMicros, Now.read().monotonicMicros >= until {
                    wakeLoops()
                }
            case .finished:
                return false
            }
        }
        return false
    }

    /// What a loop gets of its request for jobs.
    struct Handout {
        var isClosed = false
        /// Whether attempts that fail to reach the host are to be given back.
        var isTripped = false
    }

    /// Appends up to `limit` jobs to `runs`. Never blocks for long; called by loops.
    func take(_ limit: Int, into runs: inout RunQueue, at now: Now) -> Handout {
        let (handout, isLow) = state.withLock { state in
            let before = state.ready
            _ = state.take(limit, into: &runs, at: now)
            return (
                Handout(isClosed: state.isDraining, isTripped: state.breaker.isTripped),
                before >= state.limits.ready && state.ready < state.limits.ready
            )
        }
        if isLow { bell.ring() }
        return handout
    }

    /// How things stand for a loop that told what ended on it.
    struct Standing {
        /// Whether attempts that fail to reach the host are to be given back from now on.
        var isTripped = false
        /// Nothing is on its way: what ended need not wait for company before it is committed.
        var isIdle = false
    }

    /// Takes in what ended on a loop.
    @discardableResult
    func ended(_ turn: TurnReport, at now: Now) -> Standing {
        let (standing, ring, isUntripped) = state.withLock { state in
            let wasTripped = state.breaker.isTripped
            state.ended(turn, at: now)
            let standing = Standing(
                isTripped: state.breaker.isTripped, isIdle: state.inFlight == 0)
            return (
                standing,
                standing.isIdle || !turn.givenBack.isEmpty || standing.isTripped != wasTripped,
                wasTripped && !standing.isTripped
            )
        }
        if ring { bell.ring() }
        if isUntripped { wakeLoops() }
        return standing
    }

    func marked(_ marks: [Mark], bytes: Int = 0) {
        let isStarved = state.withLock { state in
            state.marked(marks, bytes: bytes)
            return state.isStarved
        }
        bell.ring()
        if isStarved { wakeLoops() }
    }

    /// Hands out no more; what is in flight may end.
    func drain() {
        state.withLock { $0.drain() }
        bell.ring()
        wakeLoops()
    }

    /// Of output, waiting for their commit.
    var unmarkedBytes: Int { state.withLock { $0.unmarkedBytes } }

    /// For showing.
    var inFlight: Int { state.withLock { $0.inFlight } }
    var trouble: Trouble? {
        state.withLock { state in
            state.breaker.troubledSinceMicros.map {
                Trouble(sinceMicros: $0, localError: state.breaker.localError)
            }
        }
    }

    struct Trouble {
        let sinceMicros: Int
        let localError: Int32?
    }

    private func running(_ batch: Batch) -> RunningBatch {
        batches.withLock { batches in
            if let known = batches[batch.id] { return known }
            // Many batches, one at a time: those long done are not kept.
            if batches.count >= 256 { batches.removeAll() }
            let running = RunningBatch(batch)
            batches[batch.id] = running
            return running
        }
    }
}
