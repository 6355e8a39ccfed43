/// The pace that a host asks for, as the queue remembers it: for a run to keep to what an earlier one
/// was told.
public struct HostPace: Equatable, Sendable {
    /// The host as in `HostKey.text`.
    public let host: String
    /// The time for which the host is left alone; zero for none, `waitMax` at most.
    public let wait: Duration
    /// The requests a second that the host takes; `nil` where it has shown no bound.
    public let requestsPerSecond: Double?

    /// The most hosts that a runner is told of when it attaches.
    public static let countMax = 10_000
    /// The time after which a pace is forgotten: hosts change.
    public static let ageMax = Duration.seconds(24 * 3600)

    public init(host: String, wait: Duration, requestsPerSecond: Double?) {
        self.host = host
        self.wait = wait
        self.requestsPerSecond = requestsPerSecond
    }

    /// The pace of the run as a whole: the time until its next request.
    public static func ofRun(wait: Duration) -> HostPace {
        HostPace(host: "*", wait: wait, requestsPerSecond: nil)
    }

    public var isOfRun: Bool { host == "*" }

    /// The longest wait that is kept: that of a retry, and of a run its slowest rate.
    public var waitMax: Duration { Self.waitMax(of: host) }

    /// The longest wait that is kept for a host.
    package static func waitMax(of host: String) -> Duration {
        host == "*" ? .seconds(31 * 86_400) : Retry.aheadMax
    }

    /// Whether there is nothing to remember.
    public var isFree: Bool { wait <= .zero && requestsPerSecond == nil }
}
