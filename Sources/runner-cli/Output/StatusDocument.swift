import JobStore

/// What `status` shows; the JSON is a contract (docs/CLI.md).
struct StatusDocument: Encodable {
    let jobs: JobsDocument
    let outcomes: [OutcomeDocument]
    let run: RunDocument?
    let isRunKnown: Bool

    init(_ counts: QueueCounts) {
        jobs = JobsDocument(counts)
        outcomes = counts.outcomes.map(OutcomeDocument.init)
        run = counts.run.map { RunDocument($0, left: counts.left) }
        isRunKnown = counts.isRunKnown
    }

    private enum CodingKeys: String, CodingKey {
        case jobs, outcomes, run
        case isRunKnown = "run_known"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(jobs, forKey: .jobs)
        try container.encode(outcomes, forKey: .outcomes)
        try container.encode(run, forKey: .run)  // null, not absent
        try container.encode(isRunKnown, forKey: .isRunKnown)
    }

    func text(of queue: String) -> String {
        var lines = [
            "\(queue): \(Format.percent(jobs.completed + jobs.failed, of: jobs.total)) done"
        ]
        for (name, count) in jobs.rows { lines.append(Self.row(name, Format.count(count))) }
        if !outcomes.isEmpty {
            lines.append("outcomes")
            for group in outcomes {
                lines.append(Self.row(group.outcome, Format.count(group.count), group.state))
            }
        }
        lines.append(run?.text ?? idle(queue))
        return lines.joined(separator: "\n")
    }

    private func idle(_ queue: String) -> String {
        isRunKnown
            ? "no run is going on"
            : "whether a run is going on cannot be seen: \(queue)-lock may not be read"
    }

    private static func row(_ name: String, _ count: String, _ note: String = "") -> String {
        let gap = String(repeating: " ", count: max(1, 28 - name.count - count.count))
        return "  \(name)\(gap)\(count)" + (note.isEmpty ? "" : "  \(note)")
    }
}

struct JobsDocument: Encodable {
    let total, available, running, retrying, completed, failed: Int

    init(_ counts: QueueCounts) {
        total = counts.total
        available = counts.available
        running = counts.running
        retrying = counts.retrying
        completed = counts.completed
        failed = counts.failed
    }

    /// In the order of a job's way.
    var rows: [(String, Int)] {
        [
            ("total", total), ("available", available), ("running", running),
            ("retrying", retrying),
            ("completed", completed), ("failed", failed),
        ]
    }
}

struct OutcomeDocument: Encodable {
    let outcome: String
    let state: String
    let count: Int

    init(_ group: QueueCounts.Group) {
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

    init(_ run: QueueCounts.LiveRun, left: Int) {
        pid = run.pid
        workers = run.workers
        requestsPerSecond = run.requestsPerSecond
        startedAt = Timestamp.text(run.startedAtMicros)
        secondsLeft = run.requestsPerSecond > 0 ? Double(left) / run.requestsPerSecond : nil
    }

    private enum CodingKeys: String, CodingKey {
        case active, pid, workers
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
    }

    var text: String {
        let left =
            secondsLeft.map { "about \(Format.duration(.seconds(min($0, 1e18)))) left" }
            ?? "no estimate yet"
        return
            "running: process \(pid), \(Format.count(workers)) workers, \(Format.count(Int(requestsPerSecond)))/s, \(left)"
    }
}
