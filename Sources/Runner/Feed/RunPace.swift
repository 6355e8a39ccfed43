internal import JobStore

/// The pace that the user allows a run as a whole, or its share of one that several runs keep to. Pure.
struct RunPace {
    /// `nil` for any pace, or for none at all.
    private var bucket: RateBucket?
    /// Whether the run has a share of a rate, and not a rate of its own.
    private(set) var isShared = false
    /// Whether the share is nothing.
    private var isShut = false
    /// The turn of the first request, in µs on the monotonic clock.
    private let firstTurnMicros: Int
    private var use = Use()
    /// The time in µs on the monotonic clock before which the pace lets nothing out; `nil` when it
    /// lets something out, as far as loops have asked, or nothing for an unknown time.
    private(set) var restUntilMicros: Int?

    /// The use that was made of a pace for some time.
    struct Use: Equatable {
        var sent = 0
        /// Whether jobs could have gone out that the pace did not let out.
        var isShort = false
    }

    /// - Parameters:
    ///   - rate: The bound; `nil` for none.
    ///   - turnMicros: The turn of the first request, in µs on the monotonic clock.
    init(_ rate: Rate?, turnMicros: Int) {
        firstTurnMicros = turnMicros
        bucket = rate.map {
            RateBucket(intervalMicros: $0.intervalMicros, turnMicros: turnMicros)
        }
    }

    /// The requests a second that the pace lets out; `nil` for any number.
    var perSecondMax: Double? { isShut ? 0 : bucket.map { 1_000_000 / $0.intervalMicros } }

    /// Returns the number of requests, `limit` at most, that may go out now.
    func allowed(_ limit: Int, at now: Now) -> Int {
        isShut ? 0 : bucket?.allowed(limit, at: now) ?? limit
    }

    /// Takes in that requests went out.
    ///
    /// - Parameter isShort: Whether the pace let out less than was asked for.
    mutating func sent(_ count: Int, isShort: Bool, at now: Now) {
        use.sent += count
        guard bucket != nil else { return }
        bucket?.sent(count, at: now)
        let least = now.monotonicMicros + Lane.restMicrosMin
        if isShort { restUntilMicros = max(bucket?.nextMicros ?? 0, least) }
    }

    /// Takes in that jobs could have gone out which the pace did not let out.
    mutating func heldJobs() { use.isShort = true }

    /// Takes in that some of those that went out a moment ago were no requests after all.
    mutating func giveBack(_ count: Int) { bucket?.giveBack(count) }

    /// Takes in the time.
    ///
    /// - Returns: Whether a rest has ended since the last call.
    mutating func look(at now: Now) -> Bool {
        guard let rest = restUntilMicros, rest <= now.monotonicMicros else { return false }
        restUntilMicros = nil
        return true
    }

    /// Keeps to another rate from now on; `nil` for none. A share stays as it is.
    mutating func keep(to rate: Rate?, at now: Now) {
        guard !isShared else { return }
        bucket.keep(to: rate, at: now)
        restUntilMicros = nil
    }

    /// Keeps to a share of a rate from now on, in place of a rate of its own.
    ///
    /// - Parameters:
    ///   - perSecond: As in `RateShare`.
    ///   - isWhole: Whether that is all of the rate.
    mutating func keep(toShare perSecond: Double, isWhole: Bool, at now: Now) {
        restUntilMicros = nil
        if !isShared { bucket = nil }
        isShared = true
        isShut = perSecond <= 0
        guard perSecond > 0, perSecond < .infinity else {
            // What was sent before counts when there is a share again.
            if perSecond > 0 { bucket = nil }
            return
        }
        let intervalMicros = min(1_000_000 / perSecond, Double(Int.max / 4))
        if bucket != nil {
            bucket?.change(intervalMicros: intervalMicros, at: now)
        } else {
            // A part of a rate begins with a wait: each of many runs would begin with a request.
            let waitMicros = isWhole ? 0 : Int(intervalMicros)
            bucket = RateBucket(
                intervalMicros: intervalMicros,
                turnMicros: max(now.monotonicMicros + waitMicros, firstTurnMicros),
                slackMicros: RateBucket.sharedSlackMicros)
        }
    }

    /// Takes the use that was made of the pace since the last call.
    mutating func takeUse() -> Use {
        defer { use = Use() }
        return use
    }

    /// The pace as the queue keeps it, so that a run that is begun anew does not have its turn at
    /// once; `nil` where turns come more often than once a second.
    func kept(at now: Now) -> HostPace? {
        guard let bucket, bucket.intervalMicros >= 1_000_000 else { return nil }
        return .ofRun(wait: .microseconds(max(0, bucket.nextMicros - now.monotonicMicros)))
    }
}
