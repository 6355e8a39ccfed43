import JobStore

/// The counts that `failures` shows; the JSON is a contract (docs/CLI.md).
struct FailuresReport: Encodable {
    private struct Group {
        let label: String
        /// The ID of a batch; `nil` where jobs are counted by something else.
        var batch: Batch.ID?
        /// The queue of the batch, where there are several.
        var queue: String?
        var count: Int
    }

    private let grouping: Failures.Grouping
    /// The groups, the most frequent first.
    private var groups: [Group] = []
    /// The jobs of hosts or batches beyond `groupsMax`.
    private var others = 0
    private var total: Int { groups.reduce(others) { $0 + $1.count } }

    /// The most hosts or batches that are counted apart.
    private static let groupsMax = 1 << 16
    /// The most groups that the text shows.
    private static let shownMax = 100

    init(_ grouping: Failures.Grouping) { self.grouping = grouping }

    /// Adds the failed jobs of a queue.
    ///
    /// - Parameter queue: The name of the queue, where there are several; `nil` for the only one.
    mutating func add(
        _ selection: FailedJobs, in ledger: any JobLedger, named queue: String?
    ) async throws {
        let before = groups
        groups = []
        switch grouping {
        case .outcome: try await countByOutcome(selection, in: ledger)
        case .host: try await countByHost(selection, in: ledger)
        case .batch: try await countByBatch(selection, in: ledger, named: queue)
        }
        join(before)
        groups.sort { ($1.count, $0.label) < ($0.count, $1.label) }
    }

    /// Adds the groups of the queues before.
    private mutating func join(_ before: [Group]) {
        var places = Dictionary(
            groups.enumerated().map { ($1.label, $0) }, uniquingKeysWith: { one, _ in one })
        for group in before {
            if let place = places[group.label] {
                groups[place].count += group.count
            } else if groups.count < Self.groupsMax {
                places[group.label] = groups.count
                groups.append(group)
            } else {
                others += group.count
            }
        }
    }

    private mutating func countByOutcome(
        _ selection: FailedJobs, in ledger: any JobLedger
    ) async throws {
        if selection.ids == nil, selection.host == nil {
            groups = try await ledger.counts(of: selection.batch).failedGroups
                .filter { group in
                    selection.outcomes?.contains { $0.matches(label: group.label) } ?? true
                }
                .map { Group(label: $0.label, count: $0.count) }
            return
        }
        // A store tells a few hundred outcomes apart at most.
        var counts: [String: Int] = [:]
        try await ledger.forEachFailed(selection) { span in
            counts[span.outcome?.label ?? "", default: 0] += span.positions.count
        }
        groups = counts.map { Group(label: $0.key, count: $0.value) }
    }

    private mutating func countByBatch(
        _ selection: FailedJobs, in ledger: any JobLedger, named queue: String?
    ) async throws {
        try await forEachBatch(of: selection, in: ledger) { report, summary in
            let count = try await summary.failedCount(of: selection, in: ledger)
            guard count > 0 else { return }
            if report.groups.count == Self.groupsMax {
                report.others += count
            } else {
                report.groups.append(
                    Group(
                        label: summary.title + (queue.map { " of \($0)" } ?? ""),
                        batch: summary.batch.id, queue: queue, count: count))
            }
        }
    }

    private mutating func countByHost(
        _ selection: FailedJobs, in ledger: any JobLedger
    ) async throws {
        var counts: [HostKey: Int] = [:]
        var others = 0
        var hosts = JobHosts(ledger)
        func add(_ count: Int, _ host: HostKey) {
            if counts[host] != nil || counts.count < Self.groupsMax {
                counts[host, default: 0] += count
            } else {
                others += count
            }
        }
        try await forEachBatch(of: selection, in: ledger) { _, summary in
            if let host = summary.batch.hostOfTemplate {
                let count = try await summary.failedCount(of: selection, in: ledger)
                if count > 0 { add(count, host) }
                return
            }
            guard summary.counts.failed > 0 else { return }
            var alone = selection
            alone.batch = summary.batch.id
            try await ledger.forEachFailed(alone) { span in
                try await hosts.forEach(of: span.positions, in: span.batch) { add($0.count, $1) }
            }
        }
        groups = counts.map { Group(label: $0.key.text, count: $0.value) }
        self.others += others
    }

    private mutating func forEachBatch(
        of selection: FailedJobs, in ledger: any JobLedger,
        _ body: (inout FailuresReport, BatchSummary) async throws -> Void
    ) async throws {
        var next: Batch.ID? = selection.batch ?? 0
        while let from = next {
            let page = try await ledger.batches(from: from)
            for summary in page.summaries {
                if let only = selection.batch, only != summary.batch.id { return }
                try await body(&self, summary)
            }
            next = page.next
        }
    }

    // MARK: - Showing

    private enum CodingKeys: CodingKey { case failed, by, groups, others }

    private struct Row: Encodable {
        var outcome: String?
        var host: String?
        var batch: Batch.ID?
        var queue: String?
        let count: Int
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(total, forKey: .failed)
        try container.encode(grouping.rawValue, forKey: .by)
        let rows = groups.map { group in
            switch grouping {
            case .outcome: Row(outcome: group.label, count: group.count)
            case .host: Row(host: group.label, count: group.count)
            case .batch: Row(batch: group.batch, queue: group.queue, count: group.count)
            }
        }
        try container.encode(rows, forKey: .groups)
        try container.encode(others, forKey: .others)
    }

    /// - Parameter areSome: Whether jobs were selected.
    func text(of queues: LookedAtQueues, _ areSome: Bool) -> String {
        let queue = queues.name
        let what = areSome ? "failed jobs of those selected" : "failed jobs"
        var rows = groups.prefix(Self.shownMax).map { (Terminal.escaped($0.label), $0.count) }
        let rest = groups.dropFirst(Self.shownMax).reduce(others) { $0 + $1.count }
        if rest > 0 { rows.append(("(others)", rest)) }
        let width = rows.map { $0.0.count }.max() ?? 0
        let counts = rows.map { Format.count($0.1) }
        let digits = counts.map(\.count).max() ?? 0
        let lines = zip(rows, counts).map { row, count in
            let gap = String(
                repeating: " ", count: width - row.0.count + 2 + digits - count.count)
            return "  \(row.0)\(gap)\(count)"
        }
        let title = "\(queue): \(Format.count(total)) \(what)"
        guard total > 0 else { return title }
        let command =
            queues.count == 1 ? RetryAdvice.command(queue) : "runner retry --queue FILE, for each,"
        let advice =
            areSome
            ? "to put them back, give the same conditions to: \(command)"
            : "to put them back: \(command) --all"
        return ([title] + lines + [advice]).joined(separator: "\n")
    }
}

/// The commands that help where jobs failed.
enum RetryAdvice {
    /// The command that puts jobs back, without its selection.
    static func command(_ queue: String) -> String { "runner retry\(option(queue))" }

    /// Advice after a run of which jobs failed.
    static func text(_ queue: String) -> String {
        "runner failures\(option(queue)) shows those that failed, \(command(queue)) --all puts them back"
    }

    /// The option that names the queue; empty where a command without it takes the same.
    static func option(_ queue: String) -> String {
        queue == QueueOptions.standardFile && !QueueOptions.isNamedByEnvironment
            ? "" : " --queue \(Terminal.escaped(ShellWord.quoted(queue)))"
    }
}
