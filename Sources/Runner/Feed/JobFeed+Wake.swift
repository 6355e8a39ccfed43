internal import JobStore

/// When loops that have nothing to do are woken.
extension JobFeed {
    /// The time in µs on the monotonic clock when a host lets something out; `nil` for never.
    func nextOfHosts(at now: Now) -> Int? {
        // Hosts that say nothing become slow, and leave idle workers to others; the rest of others
        // is over.
        let paceMicros = isStarved ? paceMicros : .max
        // One that is due waits for nothing but a worker that asks.
        let isProbeAhead = !tripped.isEmpty && lanes.probeMicros > now.monotonicMicros
        let next = min(paceMicros, isProbeAhead ? lanes.probeMicros : .max)
        return next == .max ? nil : next
    }

    /// Returns the time in µs on the monotonic clock when loops are to be woken next, as far as is
    /// known; `nil` for never. For who waits while `need` cannot be asked.
    mutating func nextWake(at now: Now) -> Int? {
        look(at: now)
        let pauseMicros = machine.pausedUntilMicros.flatMap { $0 > now.monotonicMicros ? $0 : nil }
        let next = pauseMicros ?? nextOfHosts(at: now)
        waitMicros = next ?? .max
        return next
    }

    /// The time in µs on the monotonic clock when a pace lets something out, or a lane may have
    /// become slow; `.max` for never.
    private var paceMicros: Int {
        min(lanes.nextLookMicros ?? .max, pace.restUntilMicros ?? .max)
    }

    /// Whether loops with nothing to do are to ask for jobs: a pace lets out something again, or a
    /// host out of reach, or this machine, may be tried.
    func isWakeDue(at now: Now) -> Bool {
        if pause.isOn { return false }
        if isStarved && isRestOver { return true }
        if let until = machine.pausedUntilMicros { return now.monotonicMicros >= until }
        if machine.isTripped, open > 0 { return inFlight < Breaker.probes }
        return !tripped.isEmpty && now.monotonicMicros >= lanes.probeMicros
    }

    /// Takes in that loops with nothing to do are being woken.
    mutating func areWoken() {
        isStarved = false
        isRestOver = false
    }

    /// Whether `need` has to be asked sooner than it said: a pace lets out something then, or a host
    /// out of reach may be tried.
    func isLookSooner(at now: Now) -> Bool {
        if isStarved && paceMicros < waitMicros { return true }
        // Of those that are due already, loops have heard.
        return !tripped.isEmpty && lanes.probeMicros < waitMicros
            && lanes.probeMicros > now.monotonicMicros
    }
}
