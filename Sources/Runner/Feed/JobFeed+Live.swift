/// Changes that people ask for while a run goes on.
extension JobFeed {
    /// Holds back all that is not in flight, or lets it go out again. Jobs are claimed meanwhile, as
    /// many as at any time, so that a run that has nothing left ends.
    mutating func setPaused(_ isPaused: Bool, at now: Now) {
        guard isPaused != pause.isOn else { return }
        if isPaused { pause.begin(at: now) } else { pause.end(at: now) }
        lanes.setPaused(isPaused, at: now)
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
