internal import JobStore

/// The attempts of one host, counted for people to see.
struct HostTally {
    /// Attempts that ended, but those that robots.txt disallowed.
    private(set) var ended: UInt32 = 0
    /// Those that failed for a reason of the host's.
    private(set) var failed: UInt32 = 0

    mutating func add(_ report: TurnReport.HostReport) {
        let failed = report.refused + report.broken + report.cut + report.unreachable
        ended &+= UInt32(truncatingIfNeeded: report.ended - report.unsent - report.putBack)
        self.failed &+= UInt32(truncatingIfNeeded: failed)
    }
}

extension Lane {
    /// The host as people see it, without its times and its rate.
    func figures(at now: Now) -> HostFigures {
        let until = [breaker.pausedUntilMicros, restUntilMicros].compactMap(\.self).max()
        let state: HostFigures.State =
            if isDenied {
                .denied
            } else if breaker.isTripped {
                breaker.isAsked ? .resting : .unreachable
            } else if pacing.perSecond != nil {
                .slowed
            } else {
                .ok
            }
        return HostFigures(
            name: host.key.text, state: state, message: isTripped ? message : "",
            untilMicros: isTripped ? until.map { now.wallMicros + $0 - now.monotonicMicros } : nil,
            perSecondMax: pacing.perSecondMax, inFlight: inFlight, waiting: ready,
            attempts: Int(tally.ended), failures: Int(tally.failed), rate: 0, whole: nil)
    }
}

extension Lanes {
    /// The hosts with most requests in flight, and some of those that are held back; the busiest
    /// first. Looks at each lane: some ms where there are a hundred thousand.
    func figures(limit: Int, at now: Now) -> [(id: Host.ID, host: HostFigures)] {
        var busiest: [(id: Host.ID, inFlight: Int)] = []
        var least = 0
        for (id, lane) in lanes where lane.inFlight > least || busiest.count < limit {
            busiest.append((id, lane.inFlight))
            guard busiest.count >= 2 * limit else { continue }
            busiest.sort { ($1.inFlight, $0.id) < ($0.inFlight, $1.id) }
            busiest.removeSubrange(limit...)
            least = busiest.last?.inFlight ?? 0
        }
        busiest.sort { ($1.inFlight, $0.id) < ($0.inFlight, $1.id) }
        let shown = busiest.prefix(limit).map(\.id)
        let held = tripped.subtracting(shown).sorted().prefix(limit)
        return (shown + held).compactMap { id in
            lanes[id].map { (id, $0.figures(at: now)) }
        }
    }
}
