/// The limits that a user sets for a host.
public struct HostLimits: Equatable, Sendable {
    /// The most requests in flight, 1 or more; `nil` where it is not set.
    public var inFlightMax: Int?
    public var rate: Rate?
    /// The mean time from one request to the next. Each is a random one from half as long to one and
    /// a half times as long.
    public var delay: Duration?

    public init(inFlightMax: Int? = nil, rate: Rate? = nil, delay: Duration? = nil) {
        self.inFlightMax = inFlightMax
        self.rate = rate
        self.delay = delay
    }

    /// Returns these limits, and others' where these have none.
    func filled(by others: HostLimits) -> HostLimits {
        HostLimits(
            inFlightMax: inFlightMax ?? others.inFlightMax, rate: rate ?? others.rate,
            delay: delay ?? others.delay)
    }
}

/// Limits for the hosts of which the name matches a pattern.
public struct HostLimitsRule: Equatable, Sendable {
    /// A name, or `*.` and a name for what ends with a dot and it, or `*` for all; in lower case.
    public let pattern: String
    public let limits: HostLimits

    public init(pattern: String, limits: HostLimits) {
        self.pattern = pattern.lowercased()
        self.limits = limits
    }

    func matches(_ name: String) -> Bool {
        if pattern == "*" { return true }
        if pattern.hasPrefix("*.") { return name.hasSuffix(pattern.dropFirst()) }
        return name == pattern
    }
}
