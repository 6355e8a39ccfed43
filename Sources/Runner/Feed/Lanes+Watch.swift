internal import JobStore

/// Lanes that are looked at when a time has come: they may have become slow without a word, or may
/// hand out again.
extension Lanes {
    private static var watchMicros: Int { 1_000_000 }

    /// The time in µs on the monotonic clock of the next look; `nil` when none is due.
    var nextLookMicros: Int? { looks.firstMicros }

    /// Finds out which lanes have become slow without a word, or may hand out again after a rest.
    ///
    /// - Returns: Whether some lane may hand out again.
    mutating func look(at now: Now) -> Bool {
        var isRestOver = false
        while let id = looks.takeFirst(upTo: now.monotonicMicros) {
            guard let index = lanes.index(forKey: id) else { continue }
            // Others are of no use: an earlier one was set since.
            guard inPlace(index, { $0.lookMicros <= now.monotonicMicros }) else { continue }
            let couldTake = inPlace(index) { lane in
                lane.lookMicros = .max
                return lane.canTake
            }
            withLane(id) { $0.pass(to: now) }
            guard let index = lanes.index(forKey: id) else { continue }
            if !couldTake, inPlace(index, { $0.canTake }) { isRestOver = true }
            watch(index, id, at: now)
        }
        return isRestOver
    }

    /// Has a lane looked at, unless it is sooner.
    mutating func look(
        at index: Dictionary<Host.ID, Lane>.Index, _ id: Host.ID, atMicros micros: Int
    ) {
        let isSooner = inPlace(index) { lane in
            guard micros < lane.lookMicros else { return false }
            lane.lookMicros = micros
            return true
        }
        if isSooner { looks.add(id, atMicros: micros) }
    }

    /// Has a lane looked at that becomes slow unless its host says something.
    mutating func watch(
        _ index: Dictionary<Host.ID, Lane>.Index, _ id: Host.ID, at now: Now
    ) {
        guard inPlace(index, { $0.pace == .untried && $0.inFlight > 0 }) else { return }
        look(at: index, id, atMicros: now.monotonicMicros + Self.watchMicros)
    }
}
