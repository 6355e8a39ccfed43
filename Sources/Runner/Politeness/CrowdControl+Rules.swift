/// The numbers that the search goes by.
extension CrowdControl {
    /// The requests in flight that a host begins with; the time in µs after which all workers are let
    /// in when the first requests do not come back; the same when half of them are back.
    static let inFlightMaxFirst = 64
    static let beginningMicros = 250_000
    static let beginningMicrosMax = 1_000_000
    /// The shortest times in µs for which the requests of a cohort are sent.
    static let doublingMicros = 50_000
    static let cohortMicros = 2_000_000
    static let countMin = 2048
    /// The requests of a cohort from which on it may be judged before it is back, and how much
    /// worse than needed it has to be then.
    static let glanceMin = 32
    static let glancePart = 0.8
    static let glanceGainMin = 0.7
    /// The part of a bound from which on it bounds.
    static let boundPart = 0.8
    static let settledPart = 0.9
    /// The fewest requests in flight at which a host can be crowded.
    static let crowdMin = 16.0
    /// The mean time in µs of an answer up to which a host is not crowded.
    static let latencyMicrosMin = 100_000.0
    /// The answers a second, by those of another level, that make the other one worth a trial: on a
    /// busy machine they vary by a quarter without a crowd.
    static let lossMin = 0.7
    /// The answers a second that a trial has to bring, by those before: of a few more or fewer, of
    /// many more, of a level that is known to be better, and of more in the beginning.
    static let gainMin = 1.03
    static let coarseGainMin = 0.98
    static let jumpGainMin = 1.2
    static let doublingGainMin = 0.8
    /// The steps of a round, and those of every other one, since chance hides small gains; and those
    /// after the beginning.
    static let fineSteps = [1.1, 0.9]
    static let coarseSteps = [1.4, 0.7]
    static let coarsestSteps = [2, 0.5, 1.1, 0.9]
    static let trialPauseMicrosMin = 5_000_000
    static let trialPauseMicrosMax = 60_000_000
    /// The time before a trial without a reason, by the time of an answer: it costs a thousandth.
    static let blindLatencyMicrosMin = 1_000_000.0
    static let blindPauseLatencies = 300.0
    static let blindPauseMicrosMin = 60_000_000
    static let blindPauseMicrosMax = 600_000_000
}
