internal import JobStore

/// Changes that people ask for while a run goes on.
extension Lanes {
    /// Takes in that nothing goes out, or that it does again.
    mutating func setPaused(_ isPaused: Bool, at now: Now) {
        for id in Array(lanes.keys) { withLane(id) { $0.setPaused(isPaused, at: now) } }
    }

    /// Leaves hosts alone that some run of the queue was asked to leave alone.
    ///
    /// - Complexity: O(hosts).
    mutating func holdBack(_ hosts: [HostPace], at now: Now) {
        let waits = Dictionary(hosts.map { (HostKey(of: $0.host), $0.wait) }) { max($0, $1) }
        for (id, host) in lanes.mapValues(\.host) {
            guard let wait = waits[host.key] else { continue }
            withLane(id) { $0.holdBack(forMicros: wait.microseconds, at: now) }
        }
    }

    /// Divides fewer workers among hosts, or more again.
    mutating func keep(toWorkers workers: Int) {
        self.workers = workers
        probes = min(probesMax, max(1, workers / 8))
    }

    /// Keeps to other limits for hosts from now on.
    ///
    /// - Complexity: O(hosts).
    mutating func keep(to change: LimitChange, at now: Now) {
        politeness.limits = change.changed(politeness.limits)
        for (id, host) in lanes.mapValues(\.host) {
            let limits = politeness.limits(of: host.key.name)
            withLane(id) { $0.keep(to: limits, change, at: now) }
        }
    }
}
