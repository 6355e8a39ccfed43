/// How many jobs stand where.
public struct QueueCounts: Sendable, Equatable {
    /// Jobs with one outcome.
    public struct Group: Sendable, Equatable {
        /// `200`, `404`, `timeout`, …; `other` past the number of outcomes a store keeps apart.
        public let label: String
        public let state: Outcome.State
        public let count: Int

        public init(label: String, state: Outcome.State, count: Int) {
            self.label = label
            self.state = state
            self.count = count
        }
    }

    /// A runner that lives.
    public struct LiveRun: Sendable, Equatable {
        public let pid: Int
        public let workers: Int
        public let startedAtMicros: Int
        public let requestsPerSecond: Double
        /// Why nothing gets through at present; `nil` when something does, or nobody has told lately.
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
    /// Held by a live runner and not marked.
    public let running: Int
    /// Most frequent first within completed, retrying, failed.
    public let outcomes: [Group]
    public let run: LiveRun?
    /// Whether it could be seen if a run goes on. When not, `run` is `nil`, and what a runner may
    /// hold counts as available or retrying.
    public let isRunKnown: Bool
    /// Retrying jobs that a live runner is trying now: counted in `running`.
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
    /// Waiting for their next attempt.
    public var retrying: Int { count(.retrying) - retriesRunning }
    public var available: Int { total - completed - failed - retrying - running }
    /// Jobs without a final outcome.
    public var left: Int { total - completed - failed }

    private func count(_ state: Outcome.State) -> Int {
        outcomes.reduce(0) { $1.state == state ? $0 + $1.count : $0 }
    }
}
