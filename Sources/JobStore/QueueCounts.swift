/// The number of jobs of a queue in each state and with each outcome.
public struct QueueCounts: Sendable, Equatable {
    /// The number of jobs with one outcome.
    public struct Group: Sendable, Equatable {
        /// The name of the outcome: `200`, `404`, `timeout`, …; `other` for outcomes beyond the
        /// number that a store keeps apart.
        public let label: String
        public let state: Outcome.State
        public let count: Int

        public init(label: String, state: Outcome.State, count: Int) {
            self.label = label
            self.state = state
            self.count = count
        }
    }

    /// A live runner.
    public struct LiveRun: Sendable, Equatable {
        public let pid: Int
        public let workers: Int
        public let startedAtMicros: Int
        public let requestsPerSecond: Double
        /// The reason no request gets through at present; `nil` when some do, or when the runner
        /// has reported no reason lately.
        public let trouble: String?

        public init(
            pid: Int, workers: Int, startedAtMicros: Int, requestsPerSecond: Double,
            trouble: String? = nil
        ) {
            self.pid = pid
            self.workers = workers
            self.startedAtMicros = startedAtMicros
            self.requestsPerSecond = requestsPerSecond
            self.trouble = trouble
        }
    }

    public let total: Int
    /// Jobs that a live runner holds and has not marked.
    public let running: Int
    /// The outcomes in the order completed, retrying, failed; the most frequent first within each.
    public let outcomes: [Group]
    public let run: LiveRun?
    /// Whether the store could tell if a run is going on. If not, `run` is `nil`, and jobs that a
    /// runner may hold count as available or retrying.
    public let isRunKnown: Bool
    /// Retrying jobs that a live runner is trying now; they are counted in `running`.
    let retriesRunning: Int

    public init(
        total: Int, running: Int, retriesRunning: Int, outcomes: [Group], run: LiveRun?,
        isRunKnown: Bool = true
    ) {
        self.total = total
        self.running = running
        self.retriesRunning = retriesRunning
        self.outcomes = outcomes
        self.run = run
        self.isRunKnown = isRunKnown
    }

    public var completed: Int { count(.completed) }
    public var failed: Int { count(.failed) }
    /// Jobs that wait for their next attempt.
    public var retrying: Int { count(.retrying) - retriesRunning }
    public var available: Int { total - completed - failed - retrying - running }
    /// Jobs without a final outcome.
    public var left: Int { total - completed - failed }

    private func count(_ state: Outcome.State) -> Int {
        outcomes.reduce(0) { $1.state == state ? $0 + $1.count : $0 }
    }
}
