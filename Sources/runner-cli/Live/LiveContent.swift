import JobStore
import Runner

/// Something that happened to a run, as the view shows it.
struct ShownEvent: Codable, Equatable, Sendable {
    /// The Unix time in µs.
    let atMicros: Int
    let isWarning: Bool
    let text: String
}

/// An attempt that failed, as the view shows it.
struct ShownFailure: Codable, Equatable, Sendable {
    /// The Unix time in µs when it ended.
    let atMicros: Int
    /// `nil` where an earlier version of the program has kept the failure.
    var batch: Int?
    let outcome: String
    /// The job's ID, which people see.
    let id: Int
    /// The number of the attempt, counted from 1.
    let attempt: Int
    let isRetried: Bool
    let url: String
    /// The words of libcurl or of the name servers; empty when there are none.
    let message: String
}

/// The pages of the live view, each of which a key shows.
enum LivePage: Sendable {
    case overview, hosts, failures, help
}

/// The process that a live view belongs to: keys differ.
enum LiveRole: Sendable {
    /// The run itself.
    case run
    /// A process that watches a run of another one.
    case watch
}

/// All that the live view shows at a moment.
struct LiveContent: Sendable {
    /// The queue, or the batch of it that the run works on.
    var title: String
    /// The process of the run.
    var pid: Int
    var counts: QueueCounts
    var figures: RunFigures
    var phase: RunPhase
    /// The course of the run by the second, the latest last.
    var points: [RunHistory.Point] = []
    var recent = RecentCourse()
    /// The latest last.
    var events: [ShownEvent] = []
    var failures: [ShownFailure] = []
    /// Sentences on why the run does not move on as usual.
    var notices: [String] = []
    /// The answer to the last key; `nil` when there is none.
    var message: String?
    /// `nil` where no keys are read.
    var keys: LiveRole?
    var page = LivePage.overview
    /// The Unix time in µs.
    var nowMicros: Int

    init(title: String, pid: Int, _ sample: RunSample, nowMicros: Int) {
        self.title = title
        self.pid = pid
        counts = sample.counts
        figures = sample.figures
        phase = sample.figures.phase
        self.nowMicros = nowMicros
    }
}

extension ShownEvent {
    init(_ event: RunEvent) {
        atMicros = event.atMicros
        isWarning = event.level == .warning
        text = Layout.plain(event.text)
    }
}

extension ShownFailure {
    init(_ failure: AttemptFailure) {
        atMicros = failure.endedAtMicros
        batch = failure.batch
        outcome = failure.outcome
        id = failure.id
        attempt = failure.attempt
        isRetried = failure.isRetried
        url = Layout.plain(failure.url)
        message = Layout.plain(failure.message)
    }
}
