internal import JobStore

/// Holds up all lanes while this machine, or its proxy, cannot make requests. Pure.
struct MachineBreaker {
    /// A single failure tells.
    private var breaker = Breaker(threshold: 1)
    /// The trouble, while there is any.
    private(set) var trouble: MachineTrouble?
    /// The message of the last attempt with such trouble.
    private var message = ""
    /// Whether the next probes are jobs of hosts out of reach, though others are ready.
    private(set) var isHeldNext = false

    var isTripped: Bool { breaker.isTripped }
    /// The time in µs on the monotonic clock until which nothing is tried; `nil` for now.
    var pausedUntilMicros: Int? { breaker.pausedUntilMicros }

    /// Returns the number of jobs, up to `limit`, that may go out now.
    mutating func allowed(_ limit: Int, inFlight: Int, at now: Now) -> Int {
        breaker.allowed(limit, inFlight: inFlight, at: now)
    }

    /// Takes in that some of `allowed` jobs may go out. Neither those that are out of reach nor jobs
    /// that are the trouble keep the probes of this machine from the others.
    mutating func passed(_ allowed: Int) {
        if isTripped, allowed > 0 { isHeldNext.toggle() }
    }

    /// Takes in the attempts that ended.
    mutating func ended(_ turn: TurnReport, at now: Now) {
        if turn.machineTrouble != nil {
            breaker.failed(1, at: now)
            (trouble, message) = (turn.machineTrouble, turn.machineMessage)
        } else if turn.isAnswered {
            breaker.answered()
        }
        if !isTripped { trouble = nil }
    }

    /// The trouble as people are told of it; `nil` when there is none.
    var outage: JobFeed.Outage? {
        breaker.troubledSinceMicros.map {
            JobFeed.Outage(sinceMicros: $0, message: message, machineTrouble: trouble)
        }
    }
}
