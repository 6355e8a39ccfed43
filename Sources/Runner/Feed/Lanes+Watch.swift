internal import JobStore

/// Lanes that are looked at when a time has come: they may have become slow without a word, or may
/// hand out again.
extension Lanes {
    /// The time in µs on the monotonic clock of the next look; `nil` when none is due.
    var nextLookMicros: Int? { looks.firstMicros }

    /// Finds out which lanes have become slow without a word, or may hand out again after a rest.
    ///
    /// - Returns: Whether some lane may hand out again.
    mutating func look(at now: Now) -> Bool {
        var isRestOver = false
        while let id = looks.takeFirst(upTo: now.monotonicMicros) {
            // Others are of no use: an earlier one was set since.
            guard let lane = lanes[id], lane.lookMicros <= now.monotonicMicros else { continue }
            lane.lookMicros = .max
            let couldTake = lane.canTake
            withLane(id) { $0.pass(to: now) }
            guard lanes[id] != nil else { continue }
            if !couldTake, lane.canTake { isRestOver = true }
            watch(lane, at: now)
        }
        return isRestOver
    }

    /// Has a lane looked at, unless it is sooner.
    mutating func look(at lane: Lane, atMicros micros: Int) {
        guard micros < lane.lookMicros else { return }
        lane.lookMicros = micros
        looks.add(lane.host.id, atMicros: micros)
    }

    /// Has a lane looked at that becomes slow unless its host says something.
    mutating func watch(_ lane: Lane, at now: Now) {
        guard lane.pace == .untried && lane.inFlight > 0 else { return }
        look(at: lane, atMicros: now.monotonicMicros + Occupancy.slowMicros)
    }
}
