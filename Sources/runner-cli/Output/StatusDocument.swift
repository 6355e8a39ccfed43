import JobStore
import Runner

/// The document that `status` shows; the JSON is a contract (docs/CLI.md).
struct StatusDocument: Encodable {
    /// The batch that is shown; `nil` for all.
    private let batch: BatchSummary?
    let jobs: JobsDocument
    let outcomes: [OutcomeDocument]
    let run: RunDocument?
    /// All runs, where there are several; `nil` otherwise.
    private let fleet: FleetDocument?
    let isRunKnown: Bool
    /// Whether people have held back this run, and any later one.
    private let isPaused: Bool
    /// The lists that are not complete.
    private let imports: [ImportDocument]
    /// The hosts that push back at present, the worst first.
    private let hosts: [HeldHostDocument]
    /// The shards of a queue that was split, for people; `nil` when it was not.
    private let shards: String?
    /// The name of the queue, where there are several.
    var queue: String?

    /// The most hosts that are told of.
    static let hostsMax = 10

    init(
        _ counts: QueueCounts, of batch: BatchSummary? = nil, unfinished: [UnfinishedList] = [],
        held: [HostPace] = [], isPaused: Bool = false, shards: String? = nil
    ) {
        self.shards = shards
        self.batch = batch
        self.isPaused = isPaused
        hosts = held.map(HeldHostDocument.init)
        imports = unfinished.map(ImportDocument.init)
        jobs = JobsDocument(counts)
        outcomes = OutcomeDocument.all(in: counts)
        run = counts.runs.first.map { RunDocument($0, left: counts.left, isPaused: isPaused) }
        fleet = FleetDocument(counts, isPaused: isPaused)
        isRunKnown = counts.isRunKnown
    }

    private enum CodingKeys: String, CodingKey {
        case batch, name, jobs, outcomes, run, imports, hosts, queue
        case shards = "split"
        case fleet = "runs"
        case isRunKnown = "run_known"
        case isPaused = "paused"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        if let batch {
            try container.encode(batch.batch.id, forKey: .batch)
            try container.encode(batch.name, forKey: .name)
        }
        try container.encode(jobs, forKey: .jobs)
        try container.encode(outcomes, forKey: .outcomes)
        try container.encode(run, forKey: .run)  // null, not absent
        try container.encodeIfPresent(fleet, forKey: .fleet)
        try container.encode(isRunKnown, forKey: .isRunKnown)
        try container.encode(isPaused, forKey: .isPaused)
        if !imports.isEmpty { try container.encode(imports, forKey: .imports) }
        if !hosts.isEmpty { try container.encode(hosts, forKey: .hosts) }
        try container.encodeIfPresent(shards, forKey: .shards)
        try container.encodeIfPresent(queue, forKey: .queue)
    }

    private var hostLines: [String] {
        hosts.isEmpty ? [] : ["hosts that push back"] + hosts.map(\.line)
    }

    /// The most lists that the text tells of.
    private static let importsMax = 5

    private var importLines: [String] {
        let more = imports.count - Self.importsMax
        return imports.prefix(Self.importsMax).map(\.line)
            + (more > 0 ? ["and \(Format.count(more)) more lists that are not complete"] : [])
    }

    /// The document as lines of text.
    ///
    /// - Parameter size: The size of the terminal that all lines are to fit. Where the outcomes do
    ///   not all fit, failures come first, and those left out are counted.
    func lines(of queue: String, in size: Terminal.Size? = nil) -> [String] {
        // Behind the count, the longest state takes 11.
        let width = min(28, max(14, (size?.usableColumns ?? 80) - 2 - 11))
        func row(_ name: String, _ count: Int, _ note: String = "") -> String {
            let count = Format.count(count)
            let gap = String(repeating: " ", count: max(1, width - name.count - count.count))
            return "  \(name)\(gap)\(count)" + (note.isEmpty ? "" : "  \(note)")
        }
        let done = Format.percent(jobs.completed + jobs.failed, of: jobs.total - jobs.cancelled)
        let title = batch.map { "\($0.title) of \(queue)" } ?? queue
        let known = run?.isGrowing == true ? " of the jobs known so far" : ""
        let first =
            ["\(title): \(done)\(known) done"] + jobs.shownRows.map { row($0.name, $0.count) }
        let advice = size == nil && jobs.failed > 0 && run == nil ? [RetryAdvice.text(queue)] : []
        let paused = isPaused ? [PauseAdvice.status(of: queue, hasRun: run != nil)] : []
        var last = importLines + (fleet?.lines ?? run?.lines ?? [idle(queue)]) + paused + advice
        let details = hostLines + (fleet == nil ? run?.measureLines ?? [] : [])
        let lineCount = first.count + last.count + details.count + 1 + outcomes.count
        // Where not all fits, counts come first.
        if size.map({ lineCount <= $0.usableRows }) ?? true { last += details }
        guard !outcomes.isEmpty else { return first + last }
        var rows = outcomes.map { row($0.outcome, $0.count, $0.state) }
        if let size {
            let others = (first + last).flatMap { Layout.wrapped($0, columns: size.usableColumns) }
            let room = max(2, size.usableRows - others.count - 1)
            if rows.count > room {
                let isFailed = { (outcome: OutcomeDocument) in
                    outcome.state == Outcome.State.failed.rawValue
                }
                rows = (outcomes.filter(isFailed) + outcomes.filter { !isFailed($0) })
                    .map { row($0.outcome, $0.count, $0.state) }
                rows = rows.prefix(room - 1) + ["  and \(rows.count - room + 1) more outcomes"]
            }
        }
        return first + ["outcomes"] + rows + last
    }

    private func idle(_ queue: String) -> String {
        if let shards { return "split into \(Terminal.escaped(shards)): those are run" }
        return isRunKnown
            ? "no run is going on"
            : "whether a run is going on cannot be seen: \(queue)-lock may not be read"
    }
}

struct JobsDocument: Encodable {
    let total, available, running, retrying, completed, failed, cancelled: Int

    init(_ counts: QueueCounts) {
        total = counts.total
        available = counts.available
        running = counts.running
        retrying = counts.retrying
        completed = counts.completed
        failed = counts.failed
        cancelled = counts.cancelled
    }

    /// The counts in the order of a job's way through the states.
    var rows: [(name: String, count: Int)] {
        [
            ("total", total), ("available", available), ("running", running),
            ("retrying", retrying),
            ("completed", completed), ("failed", failed), ("cancelled", cancelled),
        ]
    }

    /// The rows without that of cancelled jobs where there are none, as nearly always.
    var shownRows: [(name: String, count: Int)] { cancelled > 0 ? rows : rows.dropLast() }
}

struct OutcomeDocument: Encodable {
    let outcome: String
    let state: String
    let count: Int

    /// The outcomes of attempts. Jobs that were cancelled have none.
    static func all(in counts: QueueCounts) -> [OutcomeDocument] {
        counts.outcomes.filter { $0.state != .cancelled }.map(OutcomeDocument.init)
    }

    private init(_ group: QueueCounts.Group) {
        outcome = group.label
        state = group.state.rawValue
        count = group.count
    }
}

struct RunDocument: Encodable {
    let active = true
    let pid: Int
    let workers: Int
    let requestsPerSecond: Double
    let startedAt: String
    let secondsLeft: Double?
    /// The reason no request gets through at present; `nil` while some do.
    let trouble: String?
    /// The measurements so far; `nil` until the run has reported some.
    private let measures: RunMeasures?
    /// The fate of what responses led to; `nil` where nothing is followed, or nothing reported.
    private let followed: FollowFigures?
    /// The limits that the run was asked for while it goes on; `nil` where it was not.
    private let limits: LimitsDocument?
    private let areLimitsTaken: Bool

    /// - Parameter isPaused: Whether people have held the run back.
    init(_ run: QueueCounts.LiveRun, left: Int, isPaused: Bool = false) {
        trouble = run.trouble
        let figures = run.measures.flatMap(RunFigures.read)
        measures = figures?.measures
        followed = figures?.followed
        limits = run.limits.isEmpty ? nil : LimitsDocument(LimitChange(kept: run.limits))
        areLimitsTaken = run.wishTaken >= run.wish
        pid = run.pid
        workers = run.workers
        // What was kept last says nothing of a run that is held back.
        requestsPerSecond = isPaused ? 0 : run.requestsPerSecond
        startedAt = Timestamp.text(run.startedAtMicros)
        // The rate is that of attempts: while none gets through, it says nothing of the end.
        secondsLeft =
            trouble == nil && requestsPerSecond > 0 ? Double(left) / requestsPerSecond : nil
    }

    private enum CodingKeys: String, CodingKey {
        case active, pid, workers, trouble, requests, timings, followed, limits
        case areLimitsTaken = "limits_taken"
        case requestsPerSecond = "requests_per_s"
        case startedAt = "started_at"
        case secondsLeft = "eta_s"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(active, forKey: .active)
        try container.encode(pid, forKey: .pid)
        try container.encode(workers, forKey: .workers)
        try container.encode((requestsPerSecond * 10).rounded() / 10, forKey: .requestsPerSecond)
        try container.encode(startedAt, forKey: .startedAt)
        try container.encode(secondsLeft.map { $0.rounded() }, forKey: .secondsLeft)
        try container.encode(trouble, forKey: .trouble)
        try container.encode(measures.map { RequestsDocument($0.requests) }, forKey: .requests)
        try container.encode(
            measures.map { TimingsDocument($0, hasHosts: false) }, forKey: .timings)
        try container.encodeIfPresent(followed.map(FollowedDocument.init), forKey: .followed)
        guard let limits else { return }
        try container.encode(limits, forKey: .limits)
        try container.encode(areLimitsTaken, forKey: .areLimitsTaken)
    }

    /// Whether the run adds jobs itself.
    var isGrowing: Bool { followed != nil }

    /// The requests of the run so far, their times and the workers', and what they led to.
    var measureLines: [String] {
        (measures?.lines ?? []) + (followed.map { [$0.line] } ?? [])
    }

    var lines: [String] {
        let left =
            secondsLeft.map {
                "about \(Format.duration(.seconds(min($0, 1e18)))) \(isGrowing ? "for these" : "left")"
            } ?? "no estimate yet"
        let rate = Format.count(Int(requestsPerSecond))
        return [
            "running: process \(pid), \(Format.count(workers)) workers, \(rate)/s, \(left)"
        ] + (limits.map { ["set: \($0.text)\(areLimitsTaken ? "" : " (not taken in yet)")"] } ?? [])
            + (trouble.map { ["paused: \(Terminal.escaped($0))"] } ?? [])
    }
}
