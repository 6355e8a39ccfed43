import JobStore

/// A row of `batches`; the JSON is a contract (docs/CLI.md).
struct BatchDocument: Encodable {
    private let summary: BatchSummary
    private let jobs: JobsDocument
    /// The import of a list that is not complete; `nil` for other batches.
    private let unfinished: ImportDocument?

    /// The name of the queue, where there are several.
    private let queue: String?

    init(_ summary: BatchSummary, unfinished: UnfinishedList? = nil, of queue: String? = nil) {
        self.queue = queue
        self.summary = summary
        self.unfinished = unfinished.map(ImportDocument.init)
        jobs = JobsDocument(summary.counts)
    }

    private enum CodingKeys: String, CodingKey {
        case batch, name, source, url, method, priority, jobs, queue
        case unfinished = "import"
        case foundIn = "found_in"
        case enqueuedAt = "enqueued_at"
        case cancelledAt = "cancelled_at"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(summary.batch.id, forKey: .batch)
        try container.encode(summary.name, forKey: .name)  // null, not absent
        try container.encode(source, forKey: .source)
        try container.encode(summary.foundIn, forKey: .foundIn)  // null, not absent
        try container.encode(request.shownURL, forKey: .url)
        try container.encode(request.method.rawValue, forKey: .method)
        try container.encode(summary.priority, forKey: .priority)
        try container.encode(jobs, forKey: .jobs)
        try container.encode(enqueuedAt, forKey: .enqueuedAt)
        try container.encodeIfPresent(unfinished, forKey: .unfinished)
        let cancelledAt = summary.cancelledAtMicros.map { Timestamp.text($0) }
        try container.encode(cancelledAt, forKey: .cancelledAt)  // null, not absent
        try container.encodeIfPresent(queue, forKey: .queue)
    }

    private var request: RequestTemplate { summary.batch.source.request }
    private var enqueuedAt: String { Timestamp.text(summary.enqueuedAtMicros) }

    /// The IDs of a range, as `JobRange.shown`, or the word `list`.
    private var source: String {
        switch summary.batch.source {
        case .range(let range, _): range.shown
        case .list: "list"
        }
    }

    // MARK: - Text

    // Rows are written as they come, so columns have fixed widths; what is wider takes its room.
    private static let (idWidth, priorityWidth, countWidth, timeWidth) = (6, 9, 12, 22)

    /// The names of the columns.
    static var header: String {
        let empty = QueueCounts(total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: [])
        let states = JobsDocument(empty).rows.map { right($0.name, countWidth) }.joined()
        return right("batch", idWidth) + right("priority", priorityWidth) + states
            + right("enqueued", timeWidth) + "  name  source  request"
    }

    /// The batch as a line for people.
    var row: String {
        let states = jobs.rows.map { Self.right(Format.count($0.count), Self.countWidth) }.joined()
        let name = Terminal.escaped(summary.name ?? "-")
        let url = Terminal.escaped(request.shownURL)
        let found = summary.foundIn.map { " (found in \($0))" } ?? ""
        return Self.right("\(summary.batch.id)", Self.idWidth)
            + Self.right("\(summary.priority)", Self.priorityWidth) + states
            + Self.right(enqueuedAt, Self.timeWidth)
            + "  \(name)  \(source)\(found)\(unfinished.map { " (\($0.state))" } ?? "")  \(request.method.rawValue) \(url)"
    }

    /// The text at the right end of a column, with a blank before it at least.
    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}
