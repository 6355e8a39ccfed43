internal import JobStore

/// The time until all is done, from and to, in s, by the rates of the last seconds, the last minute
/// and the whole run. Pure.
///
///     left   rates        from … to
///     1,000  100, 80, 50  10 … 20
///     1,000  0, 0, 50     none: nothing moves
public struct TimeLeft: Equatable, Sendable {
    public let from: Double
    public let to: Double

    /// Whether both ends are so near each other that one says it all: within a tenth.
    public var isNarrow: Bool { to - from < max(1, from / 10) }

    /// - Returns: `nil` while nothing moves.
    public init?(of sample: RunSample, lastMinute: [RunHistory.Point]) {
        let seconds = lastMinute.reduce(0) { $0 + $1.seconds }
        let done = lastMinute.reduce(0) { $0 + $1.completed + $1.failed }
        self.init(
            left: sample.counts.left, now: sample.figures.rateNow,
            others: [seconds > 0 ? Double(done) / seconds : 0, sample.figures.rateAverage])
    }

    init?(left: Int, now: Double, others: [Double]) {
        guard now > 0 else { return nil }
        // A rate that has all but stopped tells nothing of the end.
        let rates = [now] + others.filter { $0 > now / 100 }
        from = min(Double(left) / (rates.max() ?? now), 1e12)
        to = min(Double(left) / (rates.min() ?? now), 1e12)
    }
}
