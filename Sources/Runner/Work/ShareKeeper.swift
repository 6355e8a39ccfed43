internal import JobStore

/// Keeps a run to its share of a rate that all runs of the queue keep to together.
struct ShareKeeper {
    private let lease: any RunnerLease
    private let feed: Feed
    /// The share that the run keeps to; `nil` before it was told of one.
    private var kept: Double?
    private var wants = ShareWants()
    /// The time in µs on the monotonic clock when the store is asked next; `nil` where there is nothing
    /// to ask.
    private var nextMicros: Int? = 0

    init(_ lease: any RunnerLease, _ feed: Feed) {
        self.lease = lease
        self.feed = feed
    }

    /// Asks for the share before the first request. While the store is out of reach it is nothing.
    mutating func begin() async throws(QueueError) {
        do {
            try await look()
        } catch {
            guard error.code == .busy || error.code == .unreachable else { throw error }
            let nothing = RateShare(perSecond: 0, next: .zero)
            feed.keep(to: nothing)
            kept = nothing.perSecond
        }
    }

    /// Asks for the share where it is time to.
    ///
    /// - Parameter isNow: Whether it is, since the rate may have changed.
    mutating func look(isNow: Bool = false) async throws(QueueError) {
        guard let next = nextMicros else { return }
        let now = Now.read()
        guard isNow || now.monotonicMicros >= next else { return }
        let wanted = wants.after(feed.takeUse(), kept: kept ?? 0, at: now)
        var share: RateShare
        repeat {
            let before = kept ?? 0
            guard
                let told = try await lease.share(RateClaim(kept: before, wanted: wanted))
            else {
                nextMicros = nil
                return
            }
            share = told
            if kept != share.perSecond { feed.keep(to: share) }
            kept = share.perSecond
            // The others wait to hear that it keeps to less.
            if share.perSecond >= before { break }
        } while true
        nextMicros = Now.read().monotonicMicros + share.next.microseconds
    }
}

/// The rate that a run has a use for, by what it did with its share. Pure.
///
/// One that was held up by its share wants any number. One that was not for a while wants twice what it
/// sends, in powers of two, so that what it wants seldom changes; the others have the rest.
struct ShareWants {
    private(set) var wanted = Double.infinity
    private var sent = 0
    private var sinceMicros: Int?

    /// The time in µs for which a run is looked at before it wants less.
    private static let spanMicros = 5_000_000

    /// - Returns: The requests a second that the run wants from now on.
    mutating func after(_ use: RunPace.Use, kept: Double, at now: Now) -> Double {
        guard !use.isShort, kept > 0, kept < .infinity, let since = sinceMicros else {
            if use.isShort || kept == .infinity { wanted = .infinity }
            (sent, sinceMicros) = (0, now.monotonicMicros)
            return wanted
        }
        sent += use.sent
        let micros = now.monotonicMicros - since
        guard micros >= Self.spanMicros else { return wanted }
        let rate = Double(sent) * 1_000_000 / Double(micros)
        wanted = rate > 0 ? Self.powerOfTwo(from: 2 * rate) : 0
        (sent, sinceMicros) = (0, now.monotonicMicros)
        return wanted
    }

    /// The least power of two that is not below a number above 0.
    private static func powerOfTwo(from number: Double) -> Double {
        let power = number.binade
        return power == number ? power : 2 * power
    }
}
