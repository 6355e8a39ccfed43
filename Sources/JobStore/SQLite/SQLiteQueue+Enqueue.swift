extension SQLiteQueue {
    public func addBatch(
        _ source: BatchSource, as label: BatchLabel
    ) throws(QueueError) -> (batch: Batch, isNew: Bool) {
        switch source {
        case .range(let range, let request):
            try write {
                if let key = label.key, let known = try knownBatch(key) {
                    guard known.source == source, try isAskedAs(label, known.id) else {
                        throw keyTaken(key, by: known)
                    }
                    return (known, false)
                }
                try checkIsNoShard()
                return (try add(range, request, label), true)
            }
        case .list: preconditionFailure("a list is added by addList, block by block")
        }
    }

    func add(
        _ range: JobRange, _ request: RequestTemplate, _ label: BatchLabel
    ) throws -> Batch {
        try checkRoom(for: range.count)
        let id = try nextBatchID()
        try insert(
            id, kind: "range", firstID: range.first, count: range.count, request,
            options: try options(of: request, step: range.step), label)
        // However many jobs: one row.
        try connection.run(
            "INSERT INTO span (batch_id, first, count, outcome, priority) VALUES (?, 0, ?, 0, ?)",
            .int(id), .int(range.count), .int(label.priority))
        try add(range.count, toTotalOf: 0)
        return Batch(id: id, source: .range(range, request))
    }

    /// - Throws: `.tooMany` when the queue cannot count so many more jobs.
    func checkRoom(for count: Int) throws {
        guard !(try jobCount()).addingReportingOverflow(count).overflow else {
            throw QueueError(
                .tooMany,
                "the queue \(path) would hold more jobs than can be counted",
                remedy: .nameAnotherFile)
        }
    }

    /// Inserts the row of a batch.
    ///
    /// - Throws: `.nameTaken` when another batch has the name.
    func insert(
        _ id: Batch.ID, kind: String, firstID: Int, count: Int, _ request: RequestTemplate,
        options: String, _ label: BatchLabel
    ) throws {
        if let name = label.name, let other = try batchID(named: name) {
            throw QueueError(
                .nameTaken, "the name '\(name)' belongs to batch \(other) of the queue \(path)",
                remedy: .nameBatchOtherwise)
        }
        try connection.run(
            """
            INSERT INTO batch (id, kind, first_id, count, url, method, headers, body, options,
                created_at_us, enqueue_key, name, priority)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .int(id), .text(kind), .int(firstID), .int(count), .text(request.url),
            .text(request.method.rawValue), .text(try json(of: request.headers)),
            request.body.map { .blob($0.bytes) } ?? .null, .text(options),
            .int(unixMicros()), label.key.map(Value.text) ?? .null,
            label.name.map(Value.text) ?? .null, .int(label.priority))
        if let base = label.conditionalOn { try setBase(of: id, to: base, count: count) }
    }

    public func batch(enqueuedAs key: String) throws(QueueError) -> Batch? {
        try read { try knownBatch(key) }
    }

    func knownBatch(_ key: String) throws -> Batch? {
        try connection.int("SELECT id FROM batch WHERE enqueue_key = ?", .text(key)).map(batch)
    }

    public func batch(named name: String) throws(QueueError) -> Batch? {
        try read { try batchID(named: name).map(batch) }
    }

    private func batchID(named name: String) throws -> Batch.ID? {
        // A queue opened for reading may be older than names.
        guard try schemaVersion() >= 6 else { return nil }
        return try connection.int("SELECT id FROM batch WHERE name = ?", .text(name))
    }

    func keyTaken(_ key: String, by batch: Batch) -> QueueError {
        QueueError(
            .keyTaken,
            "the key '\(key)' was given to batch \(batch.id) of the queue \(path), which holds other jobs, or asks otherwise for what has changed; choose another key"
        )
    }

    func unreadable(batch id: Batch.ID) -> QueueError {
        damaged("batch \(id) is missing or unreadable")
    }

    /// Makes the error for a queue that contradicts itself.
    func damaged(_ what: String) -> QueueError {
        QueueError(.damaged, "the queue \(path) is damaged: \(what); restore a copy")
    }
}
