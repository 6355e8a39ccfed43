/// Changes that people ask for while a run goes on, and what the queue has a run do.
extension JobFeed {
    /// The reasons for which a run is held back.
    struct Holds: Equatable {
        /// Whether people have paused it.
        var isPaused = false
        /// The time in µs on the monotonic clock since which the run sends nothing because its hold on
        /// the queue is in doubt; `nil` while it is not.
        var inDoubtSinceMicros: Int?

        var isAny: Bool { isPaused || inDoubtSinceMicros != nil }
    }

    /// Holds back all that is not in flight, or lets it go out again. Jobs are claimed meanwhile, as
    /// many as at any time, so that a run that has nothing left ends.
    mutating func setPaused(_ isPaused: Bool, at now: Now) {
        holds.isPaused = isPaused
        followHolds(at: now)
    }

    /// Takes in whether the run may go on working on the queue as far as it knows. Otherwise another
    /// run may soon have its jobs, and its share of the rate.
    ///
    /// - Returns: Whether that has changed.
    @discardableResult
    mutating func setInDoubt(_ isInDoubt: Bool, at now: Now) -> Bool {
        guard isInDoubt != (holds.inDoubtSinceMicros != nil) else { return false }
        holds.inDoubtSinceMicros = isInDoubt ? now.monotonicMicros : nil
        followHolds(at: now)
        return true
    }

    private mutating func followHolds(at now: Now) {
        guard holds.isAny != pause.isOn else { return }
        if holds.isAny { pause.begin(at: now) } else { pause.end(at: now) }
        lanes.setPaused(holds.isAny, at: now)
    }

    /// Keeps to other limits from now on. What is in flight beyond them ends by itself.
    mutating func keep(to change: LimitChange, at now: Now) {
        if let workers = change.workers {
            workersMax = workers < limits.workers ? workers : nil
            lanes.keep(toWorkers: min(workers, limits.workers))
        }
        if let rate = change.rate { pace.keep(to: rate.value, at: now) }
        lanes.keep(to: change, at: now)
    }

    /// The number of jobs that may go out beside those in flight, as far as fewer workers were asked
    /// for; `.max` where they were not.
    var workersLeft: Int { workersMax.map { max(0, $0 - inFlight) } ?? .max }
}
