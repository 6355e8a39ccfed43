import JobStore
import Runner

/// The result of a run; the JSON is a contract (docs/CLI.md).
struct RunReport: Encodable {
    private enum Ending: String, Encodable {
        case finished, stopped, stalled, denied, until
        case failures = "max_failures"
        case runTime = "run_time"
        case bodyBytes = "max_bytes"
        case diskReserve = "disk_reserve"
        case diskFull = "disk_full"
        case unhanded
    }

    let status: ExitStatus
    private let ending: Ending
    private let elapsed: Duration
    /// The part of `elapsed` for which people held the run back.
    private let paused: Duration
    private let finished: Int
    private let counts: QueueCounts
    private let measures: RunMeasures?
    /// The advice on the jobs that are left.
    private let cure: String
    /// The queue, for advice on the jobs that failed.
    private let queue: String
    /// `nil` when nothing is followed.
    private let followed: FollowFigures?
    /// `nil` when responses are not kept.
    private let output: OutputTotals?
    /// The most outcomes that the text names.
    private static let outcomesMax = 8

    /// - Parameters:
    ///   - ending: The ending of the run; `nil` when a full disk ended it, which a separate error
    ///     describes.
    ///   - queue: The queue, for advice.
    ///   - measures: `nil` when the run did not come to its requests.
    init(
        ending: Crawl.Ending?, counts: QueueCounts, before: QueueCounts, elapsed: Duration,
        paused: Duration = .zero, queue: String, measures: RunMeasures? = nil,
        followed: FollowFigures? = nil, output: OutputTotals? = nil
    ) {
        self.followed = followed
        self.queue = queue
        self.output = output
        self.counts = counts
        self.measures = measures?.whole == nil ? nil : measures
        self.elapsed = elapsed
        self.paused = paused
        // Less than none where failed jobs were put back meanwhile.
        finished = max(0, counts.done - before.done)
        let resume = "run again to resume"
        let end: (Ending, ExitStatus, String) =
            switch ending {
            case nil: (.diskFull, .limit, "make room and run again")
            case .unhanded(_, let isStopped):
                isStopped ? (.stopped, .stopped, "") : (.unhanded, .limit, "")
            case _ where counts.left == 0: (.finished, counts.failed > 0 ? .someFailed : .done, "")
            case .finished, .stopped: (.stopped, .stopped, resume)
            case .limit(.failures):
                (.failures, .limit, "as many jobs have failed as --max-failures lets; \(resume)")
            case .limit(.runTime): (.runTime, .limit, "--run-time is over; \(resume)")
            case .limit(.until): (.until, .limit, "it is the time that --until names; \(resume)")
            case .limit(.bodyBytes):
                (.bodyBytes, .limit, "as many bytes came as --max-bytes lets; \(resume)")
            case .stalled(let trouble):
                (
                    .stalled, .limit,
                    trouble.map { "\(Terminal.escaped($0.sentence + $0.cure)); \(resume)" }
                        ?? resume
                )
            case .denied(let host, let status):
                (
                    .denied, .limit,
                    "\(Terminal.escaped(host)) answers \(status) to everything; mend what it asks for (-H, -u, a proxy) and run again, or go on with --no-streak-stop"
                )
            case .diskReserve(let folder):
                (
                    .diskReserve, .limit,
                    "the disk of \(folder) has less room than --min-free-disk, make some and run again"
                )
            }
        (self.ending, status, cure) = end
    }

    private enum CodingKeys: String, CodingKey {
        case ending, jobs, outcomes, requests, timings, followed, output
        case finished
        case elapsedSeconds = "elapsed_s"
        case pausedSeconds = "paused_s"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(ending, forKey: .ending)
        try container.encode(finished, forKey: .finished)
        try container.encode(elapsed.seconds, forKey: .elapsedSeconds)
        try container.encode(paused.seconds, forKey: .pausedSeconds)
        try container.encode(JobsDocument(counts), forKey: .jobs)
        try container.encode(OutcomeDocument.all(in: counts), forKey: .outcomes)
        try container.encode(measures.map { RequestsDocument($0.requests) }, forKey: .requests)
        try container.encode(measures.map { TimingsDocument($0) }, forKey: .timings)
        try container.encodeIfPresent(followed.map(FollowedDocument.init), forKey: .followed)
        try container.encode(output, forKey: .output)  // null, not absent
    }

    /// The word for how the run ended.
    var endingName: String { ending.rawValue }

    /// The result in one line.
    var sentence: String {
        // Of the time in which the run went on.
        let seconds = max(elapsed.seconds - paused.seconds, 0.001)
        let rate = Format.count(Int(Double(finished) / seconds))
        let pause = paused > .zero ? ", paused for \(Format.duration(paused))" : ""
        let done =
            "\(ending.rawValue): \(Format.count(finished)) jobs in \(Format.duration(elapsed)) (\(rate)/s\(pause))"
        let cancelled =
            counts.cancelled > 0 ? ", \(Format.count(counts.cancelled)) cancelled" : ""
        let all =
            "\(Format.count(counts.completed)) completed, \(Format.count(counts.failed)) failed\(cancelled) of \(Format.count(counts.total))"
        let left = counts.left > 0 ? "; \(Format.count(counts.left)) left: \(cure)" : ""
        let advice =
            counts.failed > 0 && counts.left == 0 ? "; \(RetryAdvice.text(queue))" : ""
        return "\(done); \(all)\(left)\(advice)"
    }

    var text: String {
        let advice = counts.failed > 0 && counts.left > 0 ? [RetryAdvice.text(queue)] : []
        let details =
            measures.map {
                [$0.requestsLine] + outcomeLines + ($0.validatorsLine.map { [$0] } ?? [])
                    + $0.timeLines
            } ?? []
        return
            ([sentence] + details + (followed.map { [$0.line] } ?? [])
            + (output.map { [$0.line] } ?? []) + advice)
            .joined(separator: "\n")
    }

    /// The outcomes of all jobs, unless they are all alike.
    private var outcomeLines: [String] {
        let groups = counts.outcomes.filter { $0.state != .cancelled }
        guard groups.count > 1 else { return [] }
        let texts = groups.prefix(Self.outcomesMax).map { group in
            let state = group.state == .completed ? "" : " \(group.state.rawValue)"
            return "\(group.label)\(state) \(Format.count(group.count))"
        }
        let more = groups.count - texts.count
        return [
            "outcomes: " + (texts + (more > 0 ? ["\(more) more"] : [])).joined(separator: ", ")
        ]
    }
}
