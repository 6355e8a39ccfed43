/// A host at one moment of a run.
public struct HostFigures: Codable, Sendable {
    /// The reason why a host gets no more requests than it does.
    public enum State: String, Codable, Sendable, CaseIterable {
        case ok
        /// It pushes back, and is asked at the pace it takes.
        case slowed
        /// It is left alone for a while, since it refuses what it is asked, or asked for that.
        case resting
        /// It is out of reach.
        case unreachable
        /// It denies access to everything, and is asked no more.
        case denied
    }

    /// Scheme, name and port as in a URL.
    public let name: String
    public let state: State
    /// The words on a host that is out of reach; empty for others.
    public let message: String
    /// The Unix time in µs until which the host is left alone; `nil` when it is not.
    public let untilMicros: Int?
    /// The requests a second that the host takes, or that people allow it; `nil` for any number.
    public let perSecondMax: Double?
    public let inFlight: Int
    /// Jobs that are claimed and wait for their turn.
    public let waiting: Int
    /// Attempts since the run knows the host, and those of them that failed for a reason of the
    /// host's: refused (429, 503), broken (other 5xx), cut, or out of reach.
    public let attempts: Int
    public let failures: Int
    /// Attempts that ended per second of late.
    public internal(set) var rate: Double
    /// The times of its attempts; `nil` when none is known.
    public internal(set) var whole: RunMeasures.Times?
}
