/// Spaces requests evenly, by the generic cell rate algorithm: a request may go out when its turn
/// has come, and those whose turn has passed for want of a worker catch up for a moment.
///
/// - SeeAlso: ITU-T I.371, annex A: the virtual scheduling algorithm.
struct RateBucket: Sendable {
    /// The time in µs from one request to the next.
    private(set) var intervalMicros: Double
    /// The turn of the next request, in µs on the monotonic clock.
    private var turnMicros: Double
    /// The time in µs for which turns that passed unused can be caught up. In any second so no more
    /// than a twentieth over the rate goes out.
    static let slackMicros = 45_000.0
    /// The same of a rate that many runs share: each may be late at the same time, and each sends one
    /// request whatever its share.
    static let sharedSlackMicros = 20_000.0
    private let slackMicros: Double

    /// - Parameter turnMicros: The turn of the first request.
    init(
        intervalMicros: Double, turnMicros: Int = 0, slackMicros: Double = Self.slackMicros
    ) {
        self.intervalMicros = intervalMicros
        self.slackMicros = slackMicros
        self.turnMicros = Double(turnMicros)
    }

    /// Returns the number of requests, `limit` at most, that may go out now.
    func allowed(_ limit: Int, at now: Now) -> Int {
        let time = Double(now.monotonicMicros)
        let turn = max(turnMicros, time - slackMicros)
        guard turn <= time else { return 0 }
        let count = (time - turn) / intervalMicros + 1
        return count >= Double(limit) ? limit : Int(count)
    }

    /// Takes in that requests went out.
    mutating func sent(_ count: Int, at now: Now) {
        let turn = max(turnMicros, Double(now.monotonicMicros) - slackMicros)
        turnMicros = turn + Double(count) * intervalMicros
    }

    /// Takes in that some of those that went out a moment ago were no requests after all.
    mutating func giveBack(_ count: Int) { turnMicros -= Double(count) * intervalMicros }

    /// The time in µs on the monotonic clock when the next request may go out, perhaps in the past.
    var nextMicros: Int { Int(min(turnMicros.rounded(.up), Double(Int.max / 2))) }

    /// Changes the rate; the next turn stays, but that it is no further ahead than one interval.
    mutating func change(intervalMicros: Double, at now: Now) {
        self.intervalMicros = intervalMicros
        turnMicros = min(turnMicros, Double(now.monotonicMicros) + intervalMicros)
    }
}

extension RateBucket? {
    /// Keeps to another rate from now on; `nil` for none.
    mutating func keep(to rate: Rate?, at now: Now) {
        guard let rate else {
            self = nil
            return
        }
        var bucket =
            self
            ?? RateBucket(
                intervalMicros: rate.intervalMicros, turnMicros: now.monotonicMicros)
        bucket.change(intervalMicros: rate.intervalMicros, at: now)
        self = bucket
    }
}
