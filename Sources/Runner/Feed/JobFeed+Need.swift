internal import JobStore

extension JobFeed {
    /// The feed's next step towards the queue.
    enum Need: Equatable {
        case jobs(ClaimRequest)
        /// Claim up to the given number of retries that are due.
        case retries(Int)
        /// Give back blocks, for the given time: all that is left of them waits for hosts.
        case park([OpenBlocks.ID], micros: Int)
        /// Do nothing until the given time, or until something happens.
        case wait(untilMicros: Int?)
        case finished
        /// All that is left are jobs of hosts that deny access to everything.
        case denied(Denial)
    }

    /// A host that denies access to everything.
    struct Denial: Equatable {
        /// The host as in `HostKey.text`.
        let host: String
        let status: Int
    }
}
