/// The number of jobs of a queue in each state and with each outcome.
public struct QueueCounts: Sendable, Equatable {
    /// The number of jobs with one outcome.
    public struct Group: Sendable, Equatable {
        /// The name of the outcome: `200`, `404`, `timeout`, `cancelled`, …; `other` for outcomes
        /// beyond the number that a store keeps apart.
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
        /// The number of the runner, which no other one of the queue has ever had.
        public let id: Int
        public let pid: Int
        /// The name of the runner's machine.
        public let host: String
        /// The workers that the runner began with.
        public let workers: Int
        /// The Unix time in µs when the runner attached.
        public let startedAtMicros: Int
        /// The time since the runner's last commit.
        public let heartbeatAge: Duration
        public let requestsPerSecond: Double
        /// The reason no request gets through at present; `nil` when some do, or when the runner
        /// has reported no reason lately.
        public let trouble: String?
        /// The measurements of the run that its runner reported last; `nil` when it has reported
        /// none.
        public let measures: String?
        /// The limits that the runner was asked for while it goes on, by name.
        public let limits: [String: String]
        /// The number of the last wish for limits that the runner has taken in; 0 for none.
        public let wishTaken: Int
        /// The number of the last wish for limits; 0 for none.
        public let wish: Int

        public init(
            id: Int = 0, pid: Int, host: String, workers: Int, startedAtMicros: Int,
            heartbeatAge: Duration, requestsPerSecond: Double, trouble: String? = nil,
            measures: String? = nil, steering: Steering = Steering(), wishTaken: Int = 0
        ) {
            self.measures = measures
            self.id = id
            limits = steering.limits
            wish = steering.wish
            self.wishTaken = wishTaken
            self.pid = pid
            self.host = host
            self.workers = workers
            self.startedAtMicros = startedAtMicros
            self.heartbeatAge = heartbeatAge
            self.requestsPerSecond = requestsPerSecond
            self.trouble = trouble
        }
    }

    public let total: Int
    /// Jobs that a live runner holds and has not marked.
    public let running: Int
    /// The outcomes in the order completed, retrying, failed, cancelled; the most frequent first
    /// within each.
    public let outcomes: [Group]
    /// The live runners, the latest first.
    public let runs: [LiveRun]
    /// Whether the store could tell if a run is going on. If not, `runs` is empty, and jobs that a
    /// runner may hold count as available or retrying.
    public let isRunKnown: Bool
    /// Retrying jobs that a live runner is trying now; they are counted in `running`.
    let retriesRunning: Int

    public init(
        total: Int, running: Int, retriesRunning: Int, outcomes: [Group],
        runs: [LiveRun],
        isRunKnown: Bool = true
    ) {
        self.total = total
        self.running = running
        self.retriesRunning = retriesRunning
        self.outcomes = outcomes
        self.runs = runs
        self.isRunKnown = isRunKnown
    }

    public var completed: Int { count(.completed) }
    public var failed: Int { count(.failed) }
    /// Jobs that were taken back.
    public var cancelled: Int { count(.cancelled) }
    /// Jobs that wait for their next attempt.
    public var retrying: Int { count(.retrying) - retriesRunning }
    public var available: Int { max(0, left - retrying - running) }
    /// Jobs that are completed or have failed.
    public var done: Int { completed + failed }
    /// Jobs that are done or to be done: all but those that were cancelled.
    public var wanted: Int { max(0, total - cancelled) }
    /// Jobs without a final outcome.
    public var left: Int { max(0, wanted - done) }

    /// Returns the counts with more jobs finished.
    ///
    /// - Parameter finished: The number of jobs for each outcome; jobs that are added to no outcome
    ///   so far were available or running.
    public func adding(_ finished: [Outcome: Int]) -> QueueCounts {
        var groups = outcomes
        for (outcome, count) in finished where count != 0 {
            let index = groups.firstIndex {
                $0.state == outcome.state && $0.label == outcome.label
            }
            let before = index.map { groups.remove(at: $0).count } ?? 0
            groups.append(
                Group(label: outcome.label, state: outcome.state, count: before + count))
        }
        return QueueCounts(
            total: total, running: running, retriesRunning: retriesRunning,
            outcomes: Self.ordered(groups), runs: runs, isRunKnown: isRunKnown)
    }

    /// Groups in the order of `outcomes`.
    static func ordered(_ groups: [Group]) -> [Group] {
        let order = [Outcome.State.completed, .retrying, .failed, .cancelled]
        return groups.sorted {
            let states = [$0, $1].map { order.firstIndex(of: $0.state) ?? 0 }
            return states[0] != states[1] ? states[0] < states[1] : $0.count > $1.count
        }
    }

    private func count(_ state: Outcome.State) -> Int {
        outcomes.reduce(0) { $1.state == state ? $0 + $1.count : $0 }
    }
}
