internal import JobStore

/// The pace that the user allows a run as a whole. Pure.
struct RunPace {
    /// `nil` for any pace.
    private var bucket: RateBucket?
    /// The time in µs on the monotonic clock before which the pace lets nothing out; `nil` when it
    /// lets something out, as far as loops have asked.
    private(set) var restUntilMicros: Int?

    /// - Parameters:
    ///   - rate: The bound; `nil` for none.
    ///   - turnMicros: The turn of the first request, in µs on the monotonic clock.
    init(_ rate: Rate?, turnMicros: Int) {
        bucket = rate.map {
            RateBucket(intervalMicros: $0.intervalMicros, turnMicros: turnMicros)
        }
    }

    /// The requests a second that the pace lets out; `nil` for any number.
    var perSecondMax: Double? { bucket.map { 1_000_000 / $0.intervalMicros } }

    /// Returns the number of requests, `limit` at most, that may go out now.
    func allowed(_ limit: Int, at now: Now) -> Int {
        bucket?.allowed(limit, at: now) ?? limit
    }

    /// Takes in that requests went out.
    ///
    /// - Parameter isShort: Whether the pace let out less than was asked for.
    mutating func sent(_ count: Int, isShort: Bool, at now: Now) {
        guard bucket != nil else { return }
        bucket?.sent(count, at: now)
        let least = now.monotonicMicros + Lane.restMicrosMin
        if isShort { restUntilMicros = max(bucket?.nextMicros ?? 0, least) }
    }

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

    /// Keeps to another rate from now on; `nil` for none.
    mutating func keep(to rate: Rate?, at now: Now) {
        bucket.keep(to: rate, at: now)
        restUntilMicros = nil
    }

    /// The pace as the queue keeps it, so that a run that is begun anew does not have its turn at
    /// once; `nil` where turns come more often than once a second.
    func kept(at now: Now) -> HostPace? {
        guard let bucket, bucket.intervalMicros >= 1_000_000 else { return nil }
        return .ofRun(wait: .microseconds(max(0, bucket.nextMicros - now.monotonicMicros)))
    }
}
