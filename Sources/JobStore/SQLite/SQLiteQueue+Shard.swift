/// Queues that are shards of a larger one.
extension SQLiteQueue {
    /// Adds the jobs of a shard alone, of a range whose IDs are all jobs.
    ///
    /// The same is to be done with each shard, in the same order: then pieces of one batch have one
    /// ID.
    ///
    /// - Parameter shard: One of as many shards as there are IDs, or fewer.
    /// - Returns: The batch, which is a piece of a larger one; its IDs are the shard's.
    /// - Throws: As `enqueue` does; `.unfit` when the queue holds another shard, or whole batches.
    public func enqueue(
        _ whole: JobRange, _ request: RequestTemplate, shard: Shard, as label: BatchLabel
    ) throws(QueueError) -> Batch {
        let piece = shard.positions(of: whole.count)
        precondition(shard.count <= whole.count, "each shard has jobs")
        let range = JobRange(
            first: whole.id(at: piece.lowerBound), count: piece.count, step: whole.step)
        return try write {
            if let key = label.key, let known = try knownBatch(key) {
                guard known.source == .range(range, request) else {
                    throw keyTaken(key, by: known)
                }
                return known
            }
            try take(shard)
            let batch = try add(range, request, label)
            try connection.run(
                "UPDATE batch SET whole_first = ?, whole_count = ? WHERE id = ?",
                .int(piece.lowerBound), .int(whole.count), .int(batch.id))
            return batch
        }
    }

    /// The name of the choice that tells the last batch that the larger queue had. Shards do not have
    /// all of its batches, and their next one has the same ID in each.
    static let lastBatchName = "last_batch"

    /// Refuses what would be a whole batch in a shard: it would get the ID that another shard gives to
    /// other jobs, and the two could not be merged.
    func checkIsNoShard() throws {
        guard let kept = try keptShard() else { return }
        throw QueueError(
            .unfit,
            "the queue \(path) holds shard \(kept.shard.text), and so no whole batch",
            remedy: .queueShard(kept.shard))
    }

    /// Makes the queue hold a shard, unless it does.
    private func take(_ shard: Shard) throws {
        if let kept = try keptShard() {
            guard kept.shard == shard else {
                throw QueueError(
                    .unfit,
                    "the queue \(path) holds shard \(kept.shard.text), not \(shard.text): a queue holds one shard",
                    remedy: .nameAnotherFile)
            }
            return
        }
        guard try connection.int("SELECT 1 FROM batch LIMIT 1") == nil else {
            throw QueueError(
                .unfit,
                "the queue \(path) holds whole batches, and so no shard",
                remedy: .nameAnotherFile)
        }
        try Migrator.makeShardTables(connection)
        try connection.run(
            """
            INSERT INTO shard (id, whole, number, count, has_output, completed_before, unrecorded)
            VALUES (1, '', ?, ?, 0, 0, 0)
            """, .int(shard.number), .int(shard.count))
    }

    /// The shard that a queue holds.
    struct KeptShard: Equatable {
        /// The name of the larger queue; empty where the shards were queued as such.
        let whole: String
        let shard: Shard
        /// Whether the larger queue had an output.
        let hasOutput: Bool
        /// The jobs that the larger queue had completed.
        let completedBefore: Int
        /// The number of completed jobs of the larger queue that are in no output; 0 in all shards
        /// but the first.
        let unrecorded: Int
    }

    /// Whether the queue has the tables of those that were split, that are shards, or that were
    /// merged.
    func hasShardTables() throws -> Bool {
        try connection.int("SELECT 1 FROM sqlite_schema WHERE name = 'shard'") == 1
    }

    /// - Returns: `nil` when the queue is whole.
    func keptShard() throws -> KeptShard? {
        guard try hasShardTables() else { return nil }
        let row = try connection.prepare(
            "SELECT whole, number, count, has_output, completed_before, unrecorded FROM shard")
        try row.bind([])
        guard try row.step() else { return nil }
        guard let shard = Shard(number: row.int(1), of: row.int(2)), row.int(4) >= 0,
            row.int(5) >= 0
        else { throw damaged("it holds shard \(row.int(1)) of \(row.int(2))") }
        return KeptShard(
            whole: row.text(0), shard: shard, hasOutput: row.int(3) == 1,
            completedBefore: row.int(4), unrecorded: row.int(5))
    }

    /// The place of a batch in the larger one that it is a piece of.
    struct WholeBatch: Equatable {
        /// The position there of the first job of the piece.
        let first: Int
        /// The number of its jobs.
        let count: Int
    }

    /// Returns the larger batch of a piece; `nil` for a batch that is whole.
    ///
    /// - Throws: `.damaged` when the piece is not within it.
    func whole(of batch: Batch) throws -> WholeBatch? {
        // A queue opened for reading may be older than shards.
        guard try schemaVersion() >= 16 else { return nil }
        let row = try connection.prepare(
            "SELECT whole_first, whole_count FROM batch WHERE id = ?")
        try row.bind([.int(batch.id)])
        guard try row.step(), !row.isNull(0) || !row.isNull(1) else { return nil }
        guard let first = row.number(0), let count = row.number(1), first >= 0,
            batch.count <= count, first <= count - batch.count,
            first <= batch.ids.first / batch.ids.step
        else { throw damaged("batch \(batch.id) is a piece of none") }
        return WholeBatch(first: first, count: count)
    }

    // MARK: - Queues that were split

    /// - Throws: `.wasSplit` when others work on the shards of this queue.
    func checkNotSplit() throws {
        // In each transaction: so by a table that is there.
        guard
            try connection.int("SELECT 1 FROM setting WHERE name = ?", .text(Shard.splitName)) == 1
        else { return }
        let row = try connection.prepare(
            "SELECT folder, count FROM split WHERE is_complete = 1")
        try row.bind([])
        guard try row.step() else { return }
        throw QueueError(
            .wasSplit,
            "the queue \(path) was split into \(row.int(1)) queues in \(row.text(0)), and is not worked on any more",
            remedy: .useShards(folder: row.text(0), count: row.int(1), queue: path))
    }

    // MARK: - Jobs without a record

    /// The number of completed jobs.
    func completedCount() throws -> Int {
        try connection.int(
            """
            SELECT coalesce(sum(count), 0) FROM total
            JOIN outcome ON code = outcome AND state = 'completed'
            """) ?? 0
    }

    /// Whether responses were kept, in the folder of this queue's runs or of others' before.
    func hasOutput() throws -> Bool {
        try connection.int("SELECT 1 FROM sink") == 1 || !closedSites().isEmpty
    }

    /// Whether jobs that failed before may have a record, in whatever folder.
    func mayHaveRecords() throws -> Bool {
        try hasOutput() || keptShard()?.hasOutput ?? false
    }

    /// The completed jobs of the queues that this one was merged from, and those of them that are in
    /// no output; `nil` for other queues.
    func mergedJobs() throws -> (completed: Int, unrecorded: Int)? {
        guard try hasShardTables() else { return nil }
        let row = try connection.prepare("SELECT completed, unrecorded FROM merged")
        try row.bind([])
        return try row.step() ? (row.int(0), row.int(1)) : nil
    }

    /// The number of completed jobs that have no record in an output, those of the larger queue left
    /// aside.
    func unrecordedCount() throws -> Int {
        let completed = try completedCount()
        let merged = try mergedJobs()
        let before = merged?.completed ?? 0
        let since =
            try connection.int("SELECT completed_before FROM sink")
            ?? completed.subtractingReportingOverflow(before).partialValue
        if let merged { return merged.unrecorded.addingReportingOverflow(since).partialValue }
        guard let shard = try keptShard(), shard.hasOutput else { return since }
        return max(0, since.subtractingReportingOverflow(shard.completedBefore).partialValue)
    }
}

extension Shard {
    /// Text such as `3/5`.
    public var text: String { "\(number)/\(count)" }
}
