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
        let options = try options(in: row.text(8), of: id)
        guard JobRange.canHold(first: first, count: count, step: options.step),
            let method = try? HTTPMethod(parsing: row.text(5)),
            let headers = try headers(in: row.text(6), of: id),
            let request = try? RequestTemplate(
                parsing: row.text(4), fields: options.fields?.names, method: method,
                headers: headers,
                body: row.isNull(7) ? nil : BodyTemplate(row.blob(7), options.syntax))
        else {
            throw unreadable(batch: id)
        }
        switch (row.text(1), options.fields) {
        case ("range", nil):
            let range = JobRange(first: first, count: count, step: options.step)
            return Batch(id: id, source: .range(range, request))
        case ("list", let fields?) where options.step == 1:
            return Batch(
                id: id,
                source: .list(
                    JobList(
                        count: count, request: request, fields: fields,
                        hasOneHost: options.hasOneHost, firstID: first)))
        default: throw unknown(batch: id)
        }
    }

    private func unknown(batch id: Batch.ID) -> QueueError {
        QueueError(
            .newer,
            "batch \(id) of the queue \(path) holds requests that this runner cannot make",
            remedy: .upgrade)
    }

    // MARK: - Headers

    // In the column `headers`, each field is an array of its `HeaderColumns`.

    func json(of headers: [HeaderSource]) throws -> String {
        let arrays = try headers.map { header in
            let columns = HeaderColumns(header)
            return try connection.text(
                "SELECT json_array(?, ?, ?)", .text(columns.name),
                columns.value.map(Value.text) ?? .null, .text(columns.words))
        }
        return "[" + arrays.joined(separator: ",") + "]"
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
            let columns = HeaderColumns(
                name: rows.text(0), value: rows.isNull(1) ? nil : rows.text(1),
                words: rows.text(2))
            guard let header = columns.header else { throw unknown(batch: id) }
            headers.append(header)
        }
        return headers
    }

    /// Named with the priority, by which the indices of what can be claimed begin.
    static let ofBatch = "priority = batch.priority AND batch_id = batch.id"

    public func references(of batch: Batch.ID?) throws(QueueError) -> [HeaderSource] {
        try read {
            let rows = try connection.prepare(
                """
                SELECT id, headers FROM batch WHERE headers <> '[]'
                    AND (?1 IS NULL OR id = ?1) AND (
                    EXISTS (SELECT 1 FROM span WHERE \(Self.ofBatch) AND outcome = 0)
                    OR EXISTS (SELECT 1 FROM segment
                        WHERE \(Self.ofBatch) AND todo > 0 AND runner_id IS NULL)
                    OR EXISTS (SELECT 1 FROM block WHERE batch_id = batch.id)
                    OR EXISTS (SELECT 1 FROM segment
                        WHERE runner_id IS NOT NULL AND batch_id = batch.id)
                    OR EXISTS (SELECT 1 FROM retry WHERE batch_id = batch.id))
                """)
            try rows.bind([batch.map(Value.int) ?? .null])
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

    // The column `options` is an object: the syntax of the body (raw if it is missing); of a range
    // the distance between its IDs (1 if it is missing); of a list the names of its fields, with the
    // indices of some of them (`trail`: where a request was found), and the number of its hosts where it is
    // known to be 1.

    /// The options of a batch.
    private struct Options {
        var syntax = BodyTemplate.Syntax.raw
        var step = 1
        var fields: LineFields?
        var hasOneHost = false
    }

    /// - Parameters:
    ///   - list: The list; `nil` for a range.
    ///   - step: The distance between the IDs of a range.
    func options(
        of request: RequestTemplate, _ list: JobList? = nil, step: Int = 1
    ) throws -> String {
        var json = "{}"
        func set(_ name: String, _ value: String) throws {
            json = try connection.text(
                "SELECT json_set(?, '$.' || ?, json(?))", .text(json), .text(name), .text(value))
        }
        func quoted(_ text: String) throws -> String {
            try connection.text("SELECT json_quote(?)", .text(text))
        }
        if let syntax = request.body?.syntax, syntax != .raw {
            try set("body", try quoted(syntax.rawValue))
        }
        if step != 1 { try set("step", "\(step)") }
        guard let list else { return json }
        let fields = list.fields
        if list.hasOneHost { try set("hosts", "1") }
        try set("fields", "[" + fields.names.map(quoted).joined(separator: ",") + "]")
        if let key = fields.key { try set("key", "\(key)") }
        if !fields.kept.isEmpty { try set("kept", "\(fields.kept)") }
        if let parts = fields.parts { try set("parts", "\(parts.indices)") }
        if let trail = fields.trail { try set("trail", "\(trail.indices)") }
        return json
    }

    /// - Throws: `.newer` when there is an option that this version does not know.
    private func options(in json: String, of id: Batch.ID) throws -> Options {
        var options = Options()
        if json == "{}" { return options }
        let isKnown = try connection.int(
            """
            SELECT iif(json_valid(?1), json_remove(?1, '$.body', '$.fields', '$.key', '$.kept',
                '$.parts', '$.hosts', '$.step', '$.trail') = '{}', 0)
            """, .text(json))
        guard isKnown == 1 else { throw unknown(batch: id) }
        let body = try connection.text("SELECT ? ->> 'body'", .text(json))
        guard let syntax = body.isEmpty ? .raw : BodyTemplate.Syntax(rawValue: body) else {
            throw unknown(batch: id)
        }
        options.syntax = syntax
        let step = try connection.prepare("SELECT ? ->> 'step'")
        try step.bind([.text(json)])
        // 0, which is no step, stands for one that is no number.
        if try step.step(), !step.isNull(0) { options.step = step.number(0) ?? 0 }
        func list(_ name: String) throws -> [String] {
            let rows = try connection.prepare("SELECT value FROM json_each(?, '$.' || ?)")
            try rows.bind([.text(json), .text(name)])
            var values: [String] = []
            while try rows.step() { values.append(rows.text(0)) }
            return values
        }
        let names = try list("fields")
        guard !names.isEmpty else { return options }
        options.hasOneHost = try connection.int("SELECT ? ->> 'hosts'", .text(json)) == 1
        let (kept, parts, trail) = (
            try list("kept").compactMap(Int.init), try list("parts").compactMap(Int.init),
            try list("trail").compactMap(Int.init)
        )
        let key = try connection.int("SELECT ? ->> 'key'", .text(json))
        guard
            (kept + parts + trail + (key.map { [$0] } ?? [])).allSatisfy(names.indices.contains),
            parts.isEmpty || parts.count == 4, trail.isEmpty || trail.count == 2
        else { throw unreadable(batch: id) }
        options.fields = LineFields(
            names, key: key, kept: kept,
            parts: parts.isEmpty
                ? nil : .init(method: parts[0], headers: parts[1], body: parts[2], meta: parts[3]),
            trail: trail.isEmpty ? nil : .init(foundOn: trail[0], depth: trail[1]))
        return options
    }
}
