internal import JobStore

/// Everything about a run at one moment that only the run itself knows: the rest is in its queue.
///
/// It can be written as JSON, for other processes to read (`CrawlObserver.kept`).
public struct RunFigures: Codable, Sendable {
    /// The number of attempts that ended alike.
    public struct Attempts: Codable, Sendable, Equatable {
        /// The name of the outcome (`Outcome.label`).
        public let outcome: String
        /// The name of the state in which the attempt left its job (`Outcome.State`).
        public let state: String
        public let count: Int

        init(_ outcome: Outcome, _ count: Int) {
            self.outcome = outcome.label
            state = outcome.state.rawValue
            self.count = count
        }
    }

    public internal(set) var phase = RunPhase.running
    /// The time since the run began, in µs, without that for which it was paused.
    public internal(set) var elapsedMicros = 0
    /// Jobs finished per second, over the last few seconds (`rateNow`) and since the start
    /// (`rateAverage`), without the time for which the run was paused; `rateNow` is 0 while it is.
    public internal(set) var rateNow = 0.0
    public internal(set) var rateAverage = 0.0
    /// Requests on the wire.
    public internal(set) var inFlight = 0
    /// The most requests that may be on the wire, and the number that the run began with.
    public internal(set) var workers = 0
    public internal(set) var workersMax = 0
    /// The most requests a second that people allow the run; `nil` for any number.
    public internal(set) var requestsPerSecondMax: Double?
    public internal(set) var residentBytes = 0
    /// The CPU time in µs that the process has taken, of user and system.
    public internal(set) var cpuMicros = 0
    /// The attempts of the run that are committed, the most frequent first.
    public var attempts: [Attempts] = []
    /// Requests, times and the workers' time so far. Slowest hosts are left out.
    public internal(set) var measures = RunMeasures([LoopFigures](), [], [])
    /// The times of attempts that ended in the last ten seconds or so; `nil` when none did.
    public internal(set) var recent: RunMeasures.Times?
    /// The durations of all attempts, counted by size.
    public internal(set) var durations = DurationSizes()
    /// The times that commits took, the output's `fdatasync` included.
    public internal(set) var commits: RunMeasures.Times?
    public internal(set) var commitDurations = DurationSizes()
    /// The hosts out of reach at present, or this machine; the longest-lasting trouble first, ten at
    /// most. `troubleCount` is the number of all.
    public internal(set) var troubles: [Trouble] = []
    public internal(set) var troubleCount = 0
    /// The Unix time in µs when the next retry is due; `nil` unless the run does nothing but wait
    /// for that retry.
    public internal(set) var waitingUntilMicros: Int?
    /// The time in µs for which people have held the run back; `nil` when they do not.
    public internal(set) var pausedMicros: Int?
    /// The hosts with most requests in flight, and those that are held back; the busiest first.
    public var hosts: [HostFigures] = []
    /// The number of hosts that the run has jobs of at present.
    public internal(set) var hostCount = 0

    /// The requests that responses led to; `nil` when nothing is followed.
    public internal(set) var followed: FollowFigures?

    /// The figures of a run that has just begun.
    public static let none = RunFigures()

    /// The most troubles that are told of.
    static let troublesMax = 10
}
