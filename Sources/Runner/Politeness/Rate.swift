internal import JobStore

/// A number of requests a time.
public struct Rate: Equatable, Sendable {
    /// The requests, more than 0.
    public let count: Double
    /// The time.
    public let period: Duration

    public init(_ count: Double, per period: Duration) {
        precondition(count > 0 && count.isFinite && period > .zero, "a rate is above zero")
        self.count = count
        self.period = period
    }

    /// The time from one request to the next in µs, more than 0.
    var intervalMicros: Double { Double(period.microseconds) / count }

    /// Requests a second.
    public var perSecond: Double { 1_000_000 / intervalMicros }
}
