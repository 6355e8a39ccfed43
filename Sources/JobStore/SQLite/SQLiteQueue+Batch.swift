/// A batch as a row of the table `batch`.
extension SQLiteQueue {
    /// Reads a batch.
    ///
    /// - Throws: `QueueError` `.damaged` when the batch is missing or unreadable.
    func batch(_ id: Batch.ID) throws -> Batch {
        let statement = try connection.prepare(
            "SELECT \(Self.batchColumns) FROM batch WHERE id = ?")
        try statement.bind([.int(id)])
        guard try statement.step() else { throw unreadable(batch: id) }
        return try batch(in: statement)
    }

    /// The first columns of a row that `batch(in:)` reads.
    static let batchColumns = """
        batch.id, batch.kind, batch.first_id, batch.count, batch.url, batch.method,
        batch.headers, batch.body, batch.options
        """
    /// The number of `batchColumns`.
    static let batchColumnCount: Int32 = 9

    /// Reads the batch from a row of `batchColumns`.
    ///
    /// - Throws: `.damaged` when the row is unreadable; `.newer` when the batch holds requests that
    ///   this version does not know how to make.
    func batch(in row: borrowing Statement) throws -> Batch {
        let (id, first, count) = (row.int(0), row.int(2), row.int(3))
        guard row.text(1) == "range" else { throw unknown(batch: id) }
        let body = try bodyTemplate(in: row, of: id)
        guard first >= 0, count >= 1, !first.addingReportingOverflow(count).overflow,
            let method = try? HTTPMethod(parsing: row.text(5)),
            let headers = try headers(in: row.text(6), of: id),
            let request = try? RequestTemplate(
                parsing: row.text(4), method: method, headers: headers, body: body)
        else {
            throw unreadable(batch: id)
        }
        return Batch(id: id, source: .range(JobRange(first: first, count: count), request))
    }

    private func unknown(batch id: Batch.ID) -> QueueError {
        QueueError(
            .newer,
            "batch \(id) of the queue \(path) holds requests that this runner cannot make",
            remedy: .upgrade)
    }

    // MARK: - Headers

    // In the column `headers`, each field is an array of its name, its value (null where the field
    // is not sent) and words that say how to read the value. A file of fields has no name.
    private static let environmentWord = "env"
    private static let credentialsWord = "basic"
    private static let fileWord = "file"

    func json(of headers: [HeaderSource]) throws -> String {
        let arrays = try headers.map { header in
            let (name, value, words) = Self.columns(of: header)
            return try connection.text(
                "SELECT json_array(?, ?, ?)", .text(name), value.map(Value.text) ?? .null,
                .text(words.joined(separator: " ")))
        }
        return "[" + arrays.joined(separator: ",") + "]"
    }

    private static func columns(
        of header: HeaderSource
    ) -> (name: String, value: String?, words: [String]) {
        switch header {
        case .file(let path): return ("", path, [fileWord])
        case .field(let field):
            let words = field.readsEnvironment ? [environmentWord] : []
            switch field.value {
            case .text(let text): return (field.name, text, words)
            case .credentials(let text): return (field.name, text, words + [credentialsWord])
            case .none: return (field.name, nil, words)
            }
        }
    }

    /// - Returns: `nil` when the text is no list of headers.
    /// - Throws: `.newer` when it has a word that this version does not know.
    private func headers(in json: String, of id: Batch.ID) throws -> [HeaderSource]? {
        guard json != "[]" else { return [] }
        guard try connection.int("SELECT json_valid(?)", .text(json)) == 1 else { return nil }
        let rows = try connection.prepare(
            """
            SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) ORDER BY key
            """)
        try rows.bind([.text(json)])
        var headers: [HeaderSource] = []
        while try rows.step() {
            let words = Set(rows.text(2).split(separator: " ").map(String.init))
            let known: Set = [Self.environmentWord, Self.credentialsWord, Self.fileWord]
            guard words.isSubset(of: known) else { throw unknown(batch: id) }
            if words.contains(Self.fileWord) {
                headers.append(.file(path: rows.text(1)))
                continue
            }
            let value: HeaderTemplate.Value =
                rows.isNull(1)
                ? .none
                : words.contains(Self.credentialsWord)
                    ? .credentials(rows.text(1)) : .text(rows.text(1))
            headers.append(
                .field(
                    HeaderTemplate(
                        rows.text(0), value,
                        readsEnvironment: words.contains(Self.environmentWord))))
        }
        return headers
    }

    public func references() throws(QueueError) -> [HeaderSource] {
        try read {
            let rows = try connection.prepare(
                """
                SELECT id, headers FROM batch WHERE headers <> '[]' AND (
                    EXISTS (SELECT 1 FROM span WHERE batch_id = batch.id AND outcome = 0)
                    OR EXISTS (SELECT 1 FROM segment
                        WHERE batch_id = batch.id AND todo > 0 AND runner_id IS NULL)
                    OR EXISTS (SELECT 1 FROM segment
                        WHERE runner_id IS NOT NULL AND batch_id = batch.id)
                    OR EXISTS (SELECT 1 FROM retry WHERE batch_id = batch.id))
                """)
            try rows.bind([])
            var (seen, references): (Set<String>, [HeaderSource]) = ([], [])
            while try rows.step() {
                guard seen.insert(rows.text(1)).inserted else { continue }
                guard let headers = try headers(in: rows.text(1), of: rows.int(0)) else {
                    throw unreadable(batch: rows.int(0))
                }
                references += headers.filter(\.isReference)
            }
            return references
        }
    }

    // MARK: - Options

    func options(of request: RequestTemplate) throws -> String {
        guard let body = request.body, body.syntax != .raw else { return "{}" }
        return try connection.text("SELECT json_object('body', ?)", .text(body.syntax.rawValue))
    }

    /// - Throws: `.newer` when there is an option that this version does not know.
    private func bodyTemplate(in row: borrowing Statement, of id: Batch.ID) throws -> BodyTemplate?
    {
        let options = row.text(8)
        var syntax = BodyTemplate.Syntax.raw
        if options != "{}" {
            let name = try connection.text(
                "SELECT iif(json_valid(?1) AND json_remove(?1, '$.body') = '{}', ?1 ->> 'body', NULL)",
                .text(options))
            guard let known = BodyTemplate.Syntax(rawValue: name) else {
                throw unknown(batch: id)
            }
            syntax = known
        }
        return row.isNull(7) ? nil : BodyTemplate(row.blob(7), syntax)
    }
}
