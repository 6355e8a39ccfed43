internal import JobStore

extension Lanes {
    /// Sums over lanes.
    struct Totals: Equatable {
        /// Jobs that are ready.
        var ready = 0
        /// Ready jobs that go out now or soon.
        var open = 0
        /// Ready jobs that may go out now, as far as their hosts are concerned.
        var startable = 0
        /// Retries that are due, of hosts in reach.
        var due = 0
        /// Jobs that were handed out and whose attempts have not ended.
        var inFlight = 0
        /// Those of hosts out of reach.
        var heldInFlight = 0
        /// Jobs that wait in the queue for what is the doing of hosts out of reach.
        var heldInQueue = 0
        /// The batches of hosts out of reach, as often as there are such hosts.
        var heldBatches = 0
        /// Jobs of lists that wait for hosts.
        var waitingListed = 0
        /// Ready jobs of slow hosts.
        var slowReady = 0
        var slowInFlight = 0
        /// The requests that may be in flight to slow hosts with far more jobs than that.
        var slowDeep = 0
        var untriedInFlight = 0

        /// Adds what a lane has, or takes it away.
        ///
        /// - Parameter sign: 1 or -1.
        mutating func add(_ lane: Lane, _ sign: Int = 1) {
            ready += sign * lane.ready
            open += sign * lane.open
            startable += sign * lane.startable
            inFlight += sign * lane.inFlight
            waitingListed += sign * lane.waitingListed
            if lane.isTripped {
                heldInFlight += sign * lane.inFlight
                heldBatches += sign * lane.batches.count
                heldInQueue += sign * lane.heldInQueue
                return
            }
            due += sign * lane.dueCount
            switch lane.pace {
            case .quick: break
            case .untried: untriedInFlight += sign * lane.inFlight
            case .slow:
                slowReady += sign * lane.ready
                slowInFlight += sign * lane.inFlight
                if lane.isDeep { slowDeep += sign * lane.inFlightMax }
            }
        }
    }
}
