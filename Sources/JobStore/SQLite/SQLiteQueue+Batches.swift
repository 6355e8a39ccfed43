/// Batches with the states of their jobs.
extension SQLiteQueue {
    public func batches(
        from id: Batch.ID, limit: Int
    ) throws(QueueError) -> BatchPage {
        // Asked before the snapshot: what a runner that ends in between held is given back in it.
        let isRunLive = isRunLive
        return try read {
            let rows = try batchRows(from: id, limit: limit)
            guard let first = rows.first?.batch.id, let last = rows.last?.batch.id else {
                return BatchPage([], next: nil)
            }
            let window = first...last
            let groups = try outcomeGroups(in: window)
            let isLive = isRunLive ?? false
            let held =
                isLive ? try leased("sum(min(max(todo, 0), 4096)) FROM segment", window) : [:]
            let tried = isLive ? try leased("count(*) FROM retry", window) : [:]
            let summaries = rows.map { row in
                let retries = tried[row.batch.id] ?? 0
                return BatchSummary(
                    batch: row.batch, name: row.name, priority: row.priority,
                    enqueuedAtMicros: row.enqueuedAtMicros,
                    cancelledAtMicros: row.cancelledAtMicros, foundIn: row.foundIn,
                    counts: QueueCounts(
                        total: row.batch.count, running: (held[row.batch.id] ?? 0) + retries,
                        retriesRunning: retries, outcomes: groups[row.batch.id] ?? [], runs: [],
                        isRunKnown: isRunLive != nil))
            }
            let next = try connection.int("SELECT min(id) FROM batch WHERE id > ?", .int(last))
            return BatchPage(summaries, next: next)
        }
    }

    private typealias BatchRow = (
        batch: Batch, name: String?, priority: Int, enqueuedAtMicros: Int, cancelledAtMicros: Int?,
        foundIn: Batch.ID?
    )

    /// The most bytes of bodies in a page.
    private static let pageBodyBytesMax = 8 << 20

    private func batchRows(from id: Batch.ID, limit: Int) throws -> [BatchRow] {
        // A queue opened for reading may be older than names.
        let version = try schemaVersion()
        let columns =
            (version >= 6 ? "name, priority" : "NULL, 0")
            + (version >= 7 ? ", cancelled_at_us" : ", NULL")
            + (version >= 17 ? ", found_in" : ", NULL")
        let statement = try connection.prepare(
            """
            SELECT \(Self.batchColumns), created_at_us, \(columns) FROM batch
            WHERE id >= ? ORDER BY id LIMIT ?
            """)
        try statement.bind([.int(id), .int(limit)])
        var rows: [BatchRow] = []
        var bodyBytes = 0
        let next = Self.batchColumnCount
        while bodyBytes < Self.pageBodyBytesMax, try statement.step() {
            let batch = try batch(in: statement)
            bodyBytes += batch.source.request.body?.bytes.count ?? 0
            rows.append(
                (
                    batch, statement.isNull(next + 1) ? nil : statement.text(next + 1),
                    statement.int(next + 2), statement.int(next),
                    statement.isNull(next + 3) ? nil : statement.int(next + 3),
                    statement.isNull(next + 4) ? nil : statement.int(next + 4)
                ))
        }
        return rows
    }

    /// The outcomes of each batch's jobs.
    private func outcomeGroups(
        in window: ClosedRange<Batch.ID>
    ) throws -> [Batch.ID: [QueueCounts.Group]] {
        let rows = try connection.prepare(
            """
            SELECT batch_id, \(Self.outcomeLabel), state, count
            FROM tally JOIN outcome ON code = outcome
            WHERE batch_id BETWEEN ? AND ? AND count > 0
            ORDER BY batch_id, \(Self.outcomeOrder)
            """)
        try rows.bind([.int(window.lowerBound), .int(window.upperBound)])
        var groups: [Batch.ID: [QueueCounts.Group]] = [:]
        while try rows.step() {
            guard let state = Outcome.State(rawValue: rows.text(2)) else { continue }
            groups[rows.int(0), default: []].append(
                .init(label: rows.text(1), state: state, count: rows.int(3)))
        }
        return groups
    }

    /// A number of each batch's rows that a runner holds.
    private func leased(
        _ what: String, _ window: ClosedRange<Batch.ID>
    ) throws -> [Batch.ID: Int] {
        let rows = try connection.prepare(
            """
            SELECT batch_id, \(what)
            WHERE runner_id IS NOT NULL AND batch_id BETWEEN ? AND ? GROUP BY batch_id
            """)
        try rows.bind([.int(window.lowerBound), .int(window.upperBound)])
        var numbers: [Batch.ID: Int] = [:]
        while try rows.step() { numbers[rows.int(0)] = rows.int(1) }
        return numbers
    }
}
