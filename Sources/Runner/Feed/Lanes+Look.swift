internal import JobStore

/// Looks at all lanes, or at those out of reach, which change nothing.
extension Lanes {
    /// Calls `body` with the spans of lists, of all lanes, that are ready for their first attempt.
    ///
    /// - Parameter body: Called with the span, its host, and whether it waits for that host.
    func forEachListed(_ body: (JobSpan, Host.ID, Bool) -> Void) {
        for (id, lane) in lanes where lane.listed > 0 {
            let isWaiting = lane.waitingListed > 0
            lane.forEachListed { body($0, id, isWaiting) }
        }
    }

    /// Whether some host asked to be left alone, and is.
    var areAsked: Bool { tripped.contains { lanes[$0]?.breaker.isAsked ?? false } }

    /// Tells of a host that denies access to everything.
    func denial(by id: Host.ID) -> JobFeed.Denial? {
        lanes[id].map { JobFeed.Denial(host: $0.host.key.text, status: Int($0.denialStatus)) }
    }

    /// The lanes of hosts out of reach.
    var held: [Lane] { tripped.compactMap { lanes[$0] } }

    /// Whether the sums equal those of the lanes. For tests, since it looks at each lane.
    var sumsHold: Bool {
        var totals = Totals()
        for lane in lanes.values { totals.add(lane) }
        return totals == self.totals
            && tripped == Set(lanes.filter { $0.value.isTripped }.keys)
            && crowded == Set(lanes.filter { $0.value.isCrowded }.keys)
    }
}
