internal import JobStore

extension JobFeed {
    /// A host that is out of reach, or trouble of this machine.
    struct Outage: Equatable {
        /// The host; empty for this machine.
        var host = ""
        var sinceMicros: Int
        var message = ""
        var machineTrouble: MachineTrouble?
    }

    /// Outages at present, the longest-lasting first.
    var outages: [Outage] {
        let hosts = lanes.held.compactMap { lane in
            lane.breaker.troubledSinceMicros.map {
                Outage(host: lane.host.key.text, sinceMicros: $0, message: lane.message)
            }
        }
        return ([queueOutage, machine.outage].compactMap(\.self) + hosts)
            .sorted { $0.sinceMicros < $1.sinceMicros }
    }

    private var queueOutage: Outage? {
        holds.inDoubtSinceMicros.map {
            Outage(
                sinceMicros: $0,
                message:
                    "nothing was heard of the queue for a while, and nothing is sent until it is")
        }
    }

    /// Whether trouble holds up all that could be done.
    var isStalled: Bool {
        if holds.isPaused { return false }
        if holds.inDoubtSinceMicros != nil { return true }
        if machine.isTripped { return true }
        return !tripped.isEmpty && !lanes.areOpen
            && retries.inQueue <= lanes.totals.heldInQueue
            && inFlight == lanes.totals.heldInFlight
            // The last, as it looks at each of these lanes.
            && !lanes.areAsked
    }

    /// The host that denies access to everything, where only jobs of such are left.
    var denial: Denial? {
        // As long as there may be jobs of others, they are claimed.
        guard let id = lanes.denied.first, inFlight == 0, unmarked == 0, !lanes.areOpen, isDry,
            tripped == lanes.denied, retries.inQueue <= lanes.totals.heldInQueue
        else { return nil }
        return lanes.denial(by: id)
    }

    /// The time in µs on the monotonic clock when the next retry is due; `nil` unless the run does
    /// nothing but wait for that retry.
    var waitingUntilMicros: Int? {
        ready == 0 && inFlight == 0 && retrying > 0 ? retries.dueMicros : nil
    }
}
