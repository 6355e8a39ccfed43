internal import JobStore

/// The queue's supply of jobs for their first attempt, as its last answer tells of it: whether there
/// are any, and when the queue is asked again. Pure.
struct Supply {
    /// The time in µs on the monotonic clock before which the queue, which was found empty, is not
    /// asked for jobs unless there is nothing else to do; 0 when it was not.
    private var dryUntilMicros = 0
    /// The time in µs on the monotonic clock before which the queue said not to ask for jobs.
    private var askAgainMicros = 0
    /// Whether the queue said last that jobs may come back.
    private(set) var mayComeBack = false
    /// Whether the queue had no job at all while the run had nothing to do.
    private(set) var isOver = false
    /// Whether the claim that was last asked for leaves a part of the queue out.
    private var isSkipping = false
    /// Whether jobs were added to the queue since it was last asked, so that its answer may not know of
    /// them.
    private var isOutdated = false

    /// Whether the last claim brought nothing.
    var wasDry: Bool { dryUntilMicros > 0 }

    /// The time in µs on the monotonic clock from which on the queue may be asked, perhaps in the
    /// past.
    ///
    /// - Parameter isIdle: Whether the run has nothing else to do.
    func askMicros(isIdle: Bool) -> Int { max(isIdle ? 0 : dryUntilMicros, askAgainMicros) }

    /// Takes in that the queue is being asked.
    mutating func isAsked(_ request: ClaimRequest) {
        isOutdated = false
        isSkipping = !request.skippedBatches.isEmpty || !request.skippedLanes.isEmpty
    }

    /// Takes in the queue's answer.
    ///
    /// - Parameter isIdle: Whether the run has nothing to do, what the answer brings included.
    mutating func add(_ claim: Claim, isIdle: Bool, _ limits: JobFeed.Limits, at now: Now) {
        let isDry = claim.segments.isEmpty && !isOutdated
        // What was left out may have come in reach, and have ended, while the queue was asked.
        isOver = isDry && claim.next == .finished && isIdle && !isSkipping
        // Another runner was claiming just then, and has left some, perhaps.
        let dryMicros =
            isSkipping
            ? limits.skippedDryMicros
            : claim.next == .now ? limits.askAgainMicrosMin : limits.dryMicros
        dryUntilMicros = isDry ? now.monotonicMicros + dryMicros : 0
        mayComeBack = false
        switch claim.next {
        case .finished: askAgainMicros = 0
        case .now: askAgainMicros = isDry ? now.monotonicMicros + limits.askAgainMicrosMin : 0
        case .after(let wait):
            mayComeBack = true
            askAgainMicros =
                isOutdated
                ? 0 : now.monotonicMicros + max(wait.microseconds, limits.askAgainMicrosMin)
        }
    }

    /// Takes in that jobs were added to the queue.
    mutating func hasMore() {
        isOutdated = true
        (isOver, dryUntilMicros, askAgainMicros) = (false, 0, 0)
    }

    /// Has a queue that was empty asked again.
    mutating func askAgain() { isOver = false }
}
