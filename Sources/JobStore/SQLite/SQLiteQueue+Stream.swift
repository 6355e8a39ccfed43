/// Lists whose jobs are available while they are being added.
extension SQLiteQueue {
    public func streamList(
        _ request: RequestTemplate, _ fields: LineFields, from origin: ListOrigin?,
        mayRepeat: Bool, as label: BatchLabel
    ) throws(QueueError) -> any ListStream {
        try removeAbandonedLists()
        let id = try writeWithRightToAdd {
            if let origin, !mayRepeat, let other = try streamedBatch(from: origin) {
                throw beingAdded(other)
            }
            try checkIsNoShard()
            let id = try nextBatchID()
            try connection.run(
                """
                INSERT INTO import (batch_id, started_at_us, list, list_bytes, list_hash)
                VALUES (?, ?, ?, ?, ?)
                """, .int(id), .int(unixMicros()), origin.map { Value.text($0.name) } ?? .null,
                .int(origin?.byteCount ?? 0), .int(Int(bitPattern: UInt(origin?.hash ?? 0))))
            return (id, id)
        }
        return SQLiteListStream(
            queue: self, id: id, request: request, fields: fields, label: label, before: nil)
    }

    public func resumeList(_ id: Batch.ID) throws(QueueError) -> any ListStream {
        let list = try writeWithRightToAdd {
            guard let list = try unfinishedRows(id).first else {
                throw fenced("batch \(id) is not being added")
            }
            return (id, list)
        }
        guard case .list(let source) = list.batch.source else { throw unreadable(batch: id) }
        return SQLiteListStream(
            queue: self, id: id, request: source.request, fields: source.fields,
            label: BatchLabel(name: list.name, priority: list.priority), before: list)
    }

    private func streamedBatch(from origin: ListOrigin) throws -> Batch.ID? {
        try connection.int(
            """
            SELECT batch_id FROM import WHERE list = ? AND list_bytes = ? AND list_hash = ?
            """, .text(origin.name), .int(origin.byteCount),
            .int(Int(bitPattern: UInt(origin.hash))))
    }

    // MARK: - Adding

    /// - Parameter isLast: Whether the list is complete with these blocks.
    /// - Returns: The batch; `nil` while it has no job.
    func append(
        _ blocks: [ListBlock], to stream: SQLiteListStream, _ taken: TakenPart,
        isLast: Bool, key: String?
    ) throws(QueueError) -> Batch? {
        let id = stream.id
        let batch = try write { () throws -> Batch? in
            guard try !isCancelled(id) else {
                throw QueueError(
                    .fenced,
                    "batch \(id) of the queue \(path) was cancelled: no more of its list is queued")
            }
            let changed = try connection.run(
                "UPDATE import SET records = ?, lines = ?, bytes = ? WHERE batch_id = ?",
                .int(taken.records), .int(taken.lines), .int(taken.bytes), .int(id))
            guard changed == 1, addedLists.contains(id) else {
                throw fenced("batch \(id) is not being added")
            }
            try grow(stream, by: blocks)
            if isLast {
                try connection.run("DELETE FROM import WHERE batch_id = ?", .int(id))
                try setKey(key, of: id)
            }
            return try connection.int("SELECT 1 FROM batch WHERE id = ?", .int(id)) == 1
                ? self.batch(id) : nil
        }
        if isLast { endAdding(id) }
        return batch
    }

    /// Makes the batch of a list larger by blocks; the first of them make it.
    private func grow(_ stream: SQLiteListStream, by blocks: [ListBlock]) throws {
        guard let start = blocks.first?.first, let end = blocks.last?.positions.upperBound else {
            return
        }
        for (block, next) in zip(blocks, blocks.dropFirst()) {
            precondition(block.positions.upperBound == next.first, "blocks go on where others end")
        }
        let count = end - start
        try checkRoom(for: count)
        let grown = try connection.run(
            "UPDATE batch SET count = count + ? WHERE id = ? AND count = ?", .int(count),
            .int(stream.id), .int(start))
        if grown == 0 {
            guard start == 0 else { throw fenced("batch \(stream.id) does not end at \(start)") }
            if let key = stream.label.key, let known = try knownBatch(key) {
                throw QueueError(
                    .keyTaken,
                    "the key '\(key)' was given to batch \(known.id) of the queue \(path) meanwhile"
                )
            }
            let list = JobList(count: count, request: stream.request, fields: stream.fields)
            try insert(
                stream.id, kind: "list", firstID: 0, count: count, stream.request,
                options: try options(of: stream.request, list), stream.label)
        }
        try insert(blocks, of: stream.id, priority: stream.label.priority)
        try add(count, toTotalOf: 0)
    }

    private func setKey(_ key: String?, of id: Batch.ID) throws {
        guard let key else { return }
        try connection.run(
            """
            UPDATE batch SET enqueue_key = ?1 WHERE id = ?2 AND enqueue_key IS NULL
                AND NOT EXISTS (SELECT 1 FROM batch WHERE enqueue_key = ?1)
            """, .text(key), .int(id))
    }

    func leave(_ id: Batch.ID) {
        // Removes nothing of a list that is a batch.
        abandonList(id)
    }

    // MARK: - Looking

    public func unfinishedLists() throws(QueueError) -> [UnfinishedList] {
        try read { try unfinishedRows(nil) }
    }

    /// Whether the tables say how far lists were taken: a queue opened for reading may be older.
    func keepsStreams() throws -> Bool {
        try connection.int("SELECT 1 FROM pragma_table_info('import') WHERE name = 'records'") == 1
    }

    /// - Parameter id: The only batch to look for; `nil` for all.
    private func unfinishedRows(_ id: Batch.ID?) throws -> [UnfinishedList] {
        guard try keepsStreams() else { return [] }
        let rows = try connection.prepare(
            """
            SELECT \(Self.batchColumns), name, priority, list, list_bytes, list_hash, records,
                lines, bytes
            FROM import JOIN batch ON batch.id = batch_id
            WHERE ?1 IS NULL OR batch_id = ?1 ORDER BY batch_id LIMIT \(UnfinishedList.countMax)
            """)
        try rows.bind([id.map(Value.int) ?? .null])
        var lists: [UnfinishedList] = []
        let next = Self.batchColumnCount
        while try rows.step() {
            let batch = try batch(in: rows)
            let taken = TakenPart(
                records: rows.int(next + 5), lines: rows.int(next + 6), bytes: rows.int(next + 7))
            guard case .list = batch.source, taken.records >= batch.count,
                0..<Int.max ~= taken.lines, taken.bytes >= 0, rows.int(next + 3) >= 0,
                BatchLabel.priorities ~= rows.int(next + 1)
            else { throw damaged("the import of batch \(batch.id) cannot have gone so far") }
            let origin = ListOrigin(
                name: rows.text(next + 2), byteCount: rows.int(next + 3),
                hash: UInt64(UInt(bitPattern: rows.int(next + 4))))
            lists.append(
                UnfinishedList(
                    batch: batch, name: rows.isNull(next) ? nil : rows.text(next),
                    priority: rows.int(next + 1), origin: rows.isNull(next + 2) ? nil : origin,
                    taken: taken, isBeingAdded: isBeingAdded(batch.id)))
        }
        return lists
    }

    private func isBeingAdded(_ id: Batch.ID) -> Bool? {
        // A lock of our own does not show.
        if addedLists.contains(id) { return true }
        if let isTaken = lock?.isTaken(.adding(to: id)) { return isTaken }
        return try? LockFile(path: lockPath, readOnly: true).isTaken(.adding(to: id))
    }
}

/// A list that is being added to a queue in SQLite as it comes.
struct SQLiteListStream: ListStream {
    fileprivate let queue: SQLiteQueue
    let id: Batch.ID
    let request: RequestTemplate
    let fields: LineFields
    /// The label of the batch, which it gets with its first jobs.
    let label: BatchLabel
    let before: UnfinishedList?

    func add(_ blocks: [ListBlock], taken: TakenPart) async throws(QueueError) -> Batch? {
        try await queue.append(blocks, to: self, taken, isLast: false, key: nil)
    }

    func finish(
        _ blocks: [ListBlock], taken: TakenPart, key: String?
    ) async throws(QueueError) -> Batch? {
        try await queue.append(blocks, to: self, taken, isLast: true, key: key)
    }

    func leave() async { await queue.leave(id) }
}
