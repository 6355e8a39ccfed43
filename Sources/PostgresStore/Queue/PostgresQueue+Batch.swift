public import JobStore

/// A batch as a row of the table `batch`.
extension PostgresQueue {
    /// The first columns of a row that `batch(in:at:)` reads.
    static let batchColumns = """
        batch.id, batch.kind, batch.first_id, batch.count, batch.step, batch.url, batch.method,
        batch.headers, batch.body, batch.body_syntax, batch.fields
        """
    /// The number of `batchColumns`.
    static let batchColumnCount = 11

    /// The most batches that are remembered.
    private static let batchesMax = 4096

    /// Reads a batch.
    ///
    /// - Throws: `QueueError` `.damaged` when the batch is missing or unreadable.
    func batch(_ id: Batch.ID) throws -> Batch {
        if let known = batches[id] { return known }
        guard let batch = try batch(where: "id = $1", .int(id)) else {
            throw damaged("batch \(id) is missing or unreadable")
        }
        return batch
    }

    /// Reads batches that are not remembered, with one statement.
    func readBatches(_ ids: Set<Batch.ID>) throws {
        let unknown = ids.filter { batches[$0] == nil }
        guard unknown.count > 1 else { return }
        let rows = try link.query(
            "SELECT \(Self.batchColumns) FROM runner.batch WHERE id = ANY($1::bigint[])",
            .ints(unknown.sorted()))
        for row in 0..<rows.count { _ = try batch(in: rows, at: row) }
    }

    func batch(where condition: String, _ value: Value) throws -> Batch? {
        let rows = try link.query(
            "SELECT \(Self.batchColumns) FROM runner.batch WHERE \(condition)", value)
        return rows.count == 0 ? nil : try batch(in: rows, at: 0)
    }

    /// Reads the batch from a row of `batchColumns`.
    ///
    /// - Throws: `.damaged` when the row is unreadable; `.newer` when the batch holds requests that
    ///   this version does not know how to make.
    func batch(in rows: Rows, at row: Int) throws -> Batch {
        let (id, first, count, step) = (
            rows.int(row, 0), rows.int(row, 2), rows.int(row, 3), rows.int(row, 4)
        )
        if let known = batches[id] { return known }
        guard ["range", "list"].contains(rows.text(row, 1)) else { throw unknown(batch: id) }
        let headers = try headers(in: rows.text(row, 7), of: id)
        let list = try rows.textIfAny(row, 10).map { try fields(in: $0, of: id) }
        guard JobRange.canHold(first: first, count: count, step: step),
            (rows.text(row, 1) == "list") == (list != nil), list == nil || step == 1,
            let method = try? HTTPMethod(parsing: rows.text(row, 6)),
            let syntax = BodyTemplate.Syntax(rawValue: rows.text(row, 9)),
            let request = try? RequestTemplate(
                parsing: rows.text(row, 5), fields: list?.fields.names, method: method,
                headers: headers,
                body: rows.bytes(row, 8).map { BodyTemplate($0, syntax) })
        else { throw damaged("batch \(id) is missing or unreadable") }
        let source: BatchSource =
            if let list {
                .list(
                    JobList(
                        count: count, request: request, fields: list.fields,
                        hasOneHost: list.hasOneHost, firstID: first))
            } else {
                .range(JobRange(first: first, count: count, step: step), request)
            }
        let batch = Batch(id: id, source: source)
        if batches.count >= Self.batchesMax { batches.removeAll() }
        batches[id] = batch
        return batch
    }

    /// - Throws: `.newer` when it has a word that this version does not know.
    private func headers(in json: String, of id: Batch.ID) throws -> [HeaderSource] {
        guard json != "[]" else { return [] }
        let rows = try link.query(
            """
            SELECT e ->> 0, e ->> 1, e ->> 2
            FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY h(e, o) ORDER BY o
            """, .text(json))
        return try (0..<rows.count).map { row in
            let columns = HeaderColumns(
                name: rows.text(row, 0), value: rows.textIfAny(row, 1), words: rows.text(row, 2))
            guard let header = columns.header else { throw unknown(batch: id) }
            return header
        }
    }

    func unknown(batch id: Batch.ID) -> QueueError {
        QueueError(
            .newer, "batch \(id) of the queue \(name) holds requests that this runner cannot make",
            remedy: .upgrade)
    }

    public func references(of batch: Batch.ID?) throws(QueueError) -> [HeaderSource] {
        try ask {
            let rows = try link.query(
                """
                SELECT DISTINCT ON (headers) id, headers FROM runner.batch
                WHERE headers <> '[]' AND ($1::bigint IS NULL OR id = $1) AND (
                    EXISTS (SELECT FROM runner.span WHERE batch_id = batch.id AND outcome = 0)
                    OR EXISTS (SELECT FROM runner.block WHERE batch_id = batch.id)
                    OR EXISTS (SELECT FROM runner.segment WHERE batch_id = batch.id))
                """, Value(batch))
            return try (0..<rows.count).flatMap { row in
                try headers(in: rows.text(row, 1), of: rows.int(row, 0)).filter(\.isReference)
            }
        }
    }

    public func batches(from id: Batch.ID, limit: Int) throws(QueueError) -> BatchPage {
        let gone = try ask { try goneRunners() }
        return try read { try readBatchPage(from: id, limit: limit, gone: gone) }
    }

    private func readBatchPage(
        from id: Batch.ID, limit: Int, gone: [Int]
    ) throws -> BatchPage {
        let rows = try link.query(
            """
            SELECT \(Self.batchColumns), name, priority, created_us, cancelled_us
            FROM runner.batch WHERE id >= $1 ORDER BY id LIMIT $2
            """, .int(id), .int(min(limit, Self.pageMax)))
        guard rows.count > 0 else { return BatchPage([], next: nil) }
        let listed = try (0..<rows.count).map { try batch(in: rows, at: $0) }
        let window = listed[0].id...listed[rows.count - 1].id
        let numbers = try numbers(in: window, gone: gone)
        let next = Self.batchColumnCount
        let summaries = try listed.enumerated().map { row, batch in
            BatchSummary(
                batch: batch, name: rows.textIfAny(row, next), priority: rows.int(row, next + 1),
                enqueuedAtMicros: rows.int(row, next + 2),
                cancelledAtMicros: rows.intIfAny(row, next + 3),
                counts: try counts(numbers[batch.id] ?? [:], total: batch.count, runs: []))
        }
        let later = try link.query(
            "SELECT min(id) FROM runner.batch WHERE id > $1", .int(window.upperBound))
        return BatchPage(summaries, next: later.intIfAny(0, 0))
    }

    /// The most batches in a page: bodies of a megabyte each are in memory at a time.
    private static let pageMax = 1000
}
