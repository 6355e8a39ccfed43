internal import JobStore
internal import Synchronization

/// The things about a feed that people see.
struct FeedFigures {
    let phase: RunPhase
    let inFlight: Int
    let workers: Int
    let workersMax: Int
    let perSecondMax: Double?
    let attempts: [Outcome: Int]
    let outages: [JobFeed.Outage]
    let waitingUntilMicros: Int?
    let pause: PauseClock
    /// Whether people have paused the run.
    let isPaused: Bool
    /// Busy hosts and those held back, the busiest first.
    let hosts: [(id: Host.ID, host: HostFigures)]
    let hostCount: Int
}

extension Feed {
    /// Everything that people see, at one moment.
    ///
    /// - Parameter hostsMax: The most hosts, and the most of those held back beside them.
    func figures(hostsMax: Int, at now: Now) -> FeedFigures {
        let attempts = attempts.withLock(\.totals)
        return state.withLock { $0.figures(attempts: attempts, hostsMax: hostsMax, at: now) }
    }
}

extension JobFeed {
    func figures(attempts: [Outcome: Int], hostsMax: Int, at now: Now) -> FeedFigures {
        let phase: RunPhase =
            if isDraining {
                .stopping
            } else if holds.isPaused {
                .paused
            } else if stalledSinceMicros != nil {
                .stalled
            } else if waitingUntilMicros != nil {
                .waiting
            } else {
                .running
            }
        return FeedFigures(
            phase: phase, inFlight: inFlight, workers: workersMax ?? limits.workers,
            workersMax: limits.workers, perSecondMax: pace.perSecondMax,
            attempts: attempts, outages: outages, waitingUntilMicros: waitingUntilMicros,
            pause: pause, isPaused: holds.isPaused, hosts: lanes.figures(limit: hostsMax, at: now),
            hostCount: lanes.lanes.count)
    }
}
