import JobStore

/// The document that `status` shows of several queues; the JSON is a contract (docs/CLI.md).
struct StatusOfQueues: Encodable {
    private var counts = QueueCounts(
        total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: [])
    private var queues: [StatusDocument] = []
    private var requestsPerSecond = 0.0
    /// Whether one of the queues has the batch that was asked for.
    private(set) var hasFoundBatch = false

    /// Adds a queue.
    ///
    /// - Returns: The queue as a row for people.
    mutating func add(
        _ name: String, _ store: any JobLedger, _ batch: BatchReference?
    ) async throws -> String {
        var only: BatchSummary?
        if let batch {
            only = try await batch.find(in: store)
            // A batch of few jobs is not in each shard.
            guard only != nil else { return Self.row(name, .none) }
            hasFoundBatch = true
        }
        let look = try await StatusLook(store, only)
        counts = counts.joined(with: look.counts)
        var document = look.document
        document.queue = name
        requestsPerSecond += document.run?.requestsPerSecond ?? 0
        queues.append(document)
        return Self.row(name, look.counts)
    }

    // MARK: - JSON

    private enum CodingKeys: String, CodingKey {
        case jobs, outcomes, runs, queues
        case requestsPerSecond = "requests_per_s"
        case secondsLeft = "eta_s"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(JobsDocument(counts), forKey: .jobs)
        try container.encode(OutcomeDocument.all(in: counts), forKey: .outcomes)
        try container.encode(counts.runs.count, forKey: .runs)
        try container.encode((requestsPerSecond * 10).rounded() / 10, forKey: .requestsPerSecond)
        try container.encode(secondsLeft?.rounded(), forKey: .secondsLeft)  // null, not absent
        try container.encode(queues, forKey: .queues)
    }

    /// The time left if the runs share what is left, as they hardly do.
    private var secondsLeft: Double? {
        requestsPerSecond > 0 ? Double(counts.left) / requestsPerSecond : nil
    }

    // MARK: - Text

    private static let names = ["total", "left", "running", "retrying", "completed", "failed"]
    private static let width = 13

    /// The names of the columns.
    static var header: String {
        right("done", 8) + names.map { right($0, width) }.joined() + "  queue"
    }

    private static func row(_ name: String, _ counts: QueueCounts?) -> String {
        guard let counts else {
            return right("-", 8) + names.map { _ in right("-", width) }.joined() + "  \(name)"
        }
        let numbers = [
            counts.total, counts.left, counts.running, counts.retrying, counts.completed,
            counts.failed,
        ]
        return right(Format.percent(counts.done, of: counts.wanted), 8)
            + numbers.map { right(Format.count($0), width) }.joined()
            + "  \(name)\(counts.runs.isEmpty ? "" : " (running)")"
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }

    /// The sums.
    var text: String {
        let outcomes = OutcomeDocument.all(in: counts).map {
            "  \($0.outcome)\(Self.right(Format.count($0.count), max(1, 26 - $0.outcome.count)))  \($0.state)"
        }
        return
            ([Self.row("\(Format.count(queues.count)) queues", counts)]
            + (outcomes.isEmpty ? [] : ["outcomes"] + outcomes) + [runs]).joined(separator: "\n")
    }

    private var runs: String {
        guard !counts.runs.isEmpty else {
            return counts.isRunKnown
                ? "no run is going on" : "whether runs are going on cannot be seen of all"
        }
        let left =
            secondsLeft.map { ", about \(Format.duration(.seconds(min($0, 1e18)))) left in all" }
            ?? ""
        return
            "running: \(Format.count(counts.runs.count)) of them, \(Format.count(Int(requestsPerSecond)))/s\(left)"
    }
}
