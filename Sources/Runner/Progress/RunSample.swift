public import JobStore

/// A run and its queue at one moment: the one source of all that views show.
public struct RunSample: Sendable {
    /// The Unix time in µs.
    public let takenAtMicros: Int
    /// The counts of the queue, or of the batch that the run works on, as committed. Between two
    /// looks at the queue's totals (`JobLedger.countsInterval`), those of the last look and what
    /// this run has finished since.
    public let counts: QueueCounts
    public let figures: RunFigures
    /// Some of the attempts that failed since the last sample, the oldest first.
    public let failures: [AttemptFailure]

    public init(
        takenAtMicros: Int, counts: QueueCounts, figures: RunFigures,
        failures: [AttemptFailure] = []
    ) {
        self.takenAtMicros = takenAtMicros
        self.counts = counts
        self.figures = figures
        self.failures = failures
    }

    /// A sample of a queue that nobody runs, or whose run tells nothing.
    public init(takenAtMicros: Int, counts: QueueCounts) {
        self.init(takenAtMicros: takenAtMicros, counts: counts, figures: RunFigures())
    }

    /// Whether the run adds jobs itself, so that its end is not known: `counts` has the jobs known so
    /// far, and `timeLeft` is that of these.
    public var isGrowing: Bool { figures.followed != nil }

    /// The time until all jobs left are done at the present rate; `nil` while nothing moves.
    public var timeLeft: Duration? {
        // A Duration holds fewer seconds than a crawl of every ID there is can need.
        figures.rateNow > 0
            ? .seconds(min(Double(counts.left) / figures.rateNow, 1e18)) : nil
    }
}

/// An attempt that failed, for people to look at.
public struct AttemptFailure: Codable, Sendable {
    /// The Unix time in µs when it ended.
    public let endedAtMicros: Int
    public let batch: Int
    /// The job's ID, which people see.
    public let id: Int
    /// Without user name and password.
    public let url: String
    /// The number of the attempt, counted from 1.
    public let attempt: Int
    /// The name of the outcome (`Outcome.label`).
    public let outcome: String
    /// Whether the job is tried again.
    public let isRetried: Bool
    /// The words of libcurl or of the name servers; empty when there are none.
    public let message: String

    public init(
        endedAtMicros: Int, batch: Int, id: Int, url: String, attempt: Int, outcome: String,
        isRetried: Bool, message: String
    ) {
        self.endedAtMicros = endedAtMicros
        self.batch = batch
        self.id = id
        self.url = url
        self.attempt = attempt
        self.outcome = outcome
        self.isRetried = isRetried
        self.message = message
    }
}
