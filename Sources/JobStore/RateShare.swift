/// The share that a runner has of a rate which all runners of a queue keep to together.
public struct RateShare: Equatable, Sendable {
    /// The most requests a second of this runner: 0 for none, infinite for any number.
    public let perSecond: Double
    /// Whether that is all of the rate.
    public let isWhole: Bool
    /// The time after which the runner is to ask again, at the latest.
    public let next: Duration

    public init(perSecond: Double, isWhole: Bool = false, next: Duration) {
        self.perSecond = perSecond
        self.isWhole = isWhole
        self.next = next
    }
}

/// The state in which a runner asks for its share of the rate.
public struct RateClaim: Equatable, Sendable {
    /// The most requests a second that the runner lets out at present: 0 for none, infinite for any
    /// number. Never more than the share that it was told last.
    public var kept: Double
    /// The most requests a second that it has a use for; infinite where it has for any number.
    public var wanted: Double

    public init(kept: Double, wanted: Double) {
        self.kept = kept
        self.wanted = wanted
    }
}
