internal import Synchronization

/// Lists: their lines, and how they are added.
extension SQLiteQueue {
    public func addList(
        _ request: RequestTemplate, _ fields: LineFields
    ) throws(QueueError) -> any ListImport {
        try removeAbandonedLists()
        let id = try beginList()
        return SQLiteListImport(queue: self, id: id, request: request, fields: fields)
    }

    /// Notes that a list is being added by this process.
    func beginList() throws(QueueError) -> Batch.ID {
        try writeWithRightToAdd {
            try checkIsNoShard()
            let id = try nextBatchID()
            try connection.run(
                "INSERT INTO import (batch_id, started_at_us) VALUES (?, ?)", .int(id),
                .int(unixMicros()))
            return (id, id)
        }
    }

    /// The ID of the next batch. IDs of lists that are being added are taken, and in a shard those of
    /// the larger queue.
    func nextBatchID() throws -> Batch.ID {
        let last =
            try connection.int(
                """
                SELECT max(coalesce((SELECT max(id) FROM batch), 0),
                    coalesce((SELECT max(batch_id) FROM import), 0),
                    coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = ?), 0))
                """, .text(Self.lastBatchName)) ?? 0
        guard (0..<Int.max - LockFile.rightsMax).contains(last) else {
            throw damaged("it has no room for another batch")
        }
        return last + 1
    }

    // MARK: - Adding

    func add(_ blocks: [ListBlock], to id: Batch.ID) throws(QueueError) {
        try write {
            try checkAdding(id)
            try insert(blocks, of: id)
        }
    }

    /// Inserts blocks whose jobs are available once their batch is there.
    ///
    /// - Parameter priority: The priority of the batch, where that is there.
    func insert(_ blocks: [ListBlock], of id: Batch.ID, priority: Int = 0) throws {
        let block = try connection.prepare(
            "INSERT INTO block (batch_id, first, count, lane) VALUES (?, ?, ?, ?)")
        let line = try connection.prepare(
            "INSERT INTO line (batch_id, first, count, lane, bytes) VALUES (?, ?, ?, ?, ?)")
        for each in blocks {
            let (first, count, lane) = (each.first, each.count, each.lane)
            try block.run(.int(id), .int(first), .int(count), .int(lane))
            try line.run(.int(id), .int(first), .int(count), .int(lane), .blob(each.bytes))
            try add(count, toLane: ListLane(batchID: id, number: lane), priority: priority)
        }
    }

    /// - Throws: `.fenced` when the list was removed meanwhile.
    func checkAdding(_ id: Batch.ID) throws {
        guard try connection.int("SELECT 1 FROM import WHERE batch_id = ?", .int(id)) == 1 else {
            throw fenced("batch \(id) is not being added")
        }
    }

    func finishList(
        _ id: Batch.ID, _ list: JobList, as label: BatchLabel
    ) throws(QueueError) -> (batch: Batch, isNew: Bool) {
        let count = list.count
        let made = try write {
            if let key = label.key, let known = try knownBatch(key) {
                guard try isAskedAs(label, known.id) else { throw keyTaken(key, by: known) }
                return known
            }
            try checkRoom(for: count)
            try insert(
                id, kind: "list", firstID: 0, count: count, list.request,
                options: try options(of: list.request, list), label)
            if label.priority != 0 {
                try connection.run(
                    "UPDATE lane SET priority = ? WHERE batch_id = ?", .int(label.priority),
                    .int(id))
            }
            try add(count, toTotalOf: 0)
            if uniqueList == id {
                try keepHashes(ofList: id)
                try connection.run("UPDATE batch SET is_hashed = 1 WHERE id = ?", .int(id))
            }
            guard try connection.run("DELETE FROM import WHERE batch_id = ?", .int(id)) == 1 else {
                throw fenced("batch \(id) is not being added")
            }
            return Batch(id: id, source: .list(list))
        }
        if made.id == id { endAdding(id) } else { abandonList(id) }
        return (made, made.id == id)
    }

    func abandonList(_ id: Batch.ID) {
        // Where it cannot be removed now, the next writer does.
        try? removeList(id)
        endAdding(id)
    }

    /// Removes the lists whose processes ended before these were complete.
    func removeAbandonedLists() throws(QueueError) {
        let ids = try read {
            // Of a list that is taken as it comes, the jobs are there for good.
            let rows = try connection.prepare(
                "SELECT batch_id FROM import WHERE \(Self.hasNoBatch)")
            try rows.bind([])
            var ids: [Batch.ID] = []
            while try rows.step() { ids.append(rows.int(0)) }
            return ids
        }
        for id in ids where !addsList(id) {
            try removeList(id)
        }
    }

    /// The condition on a row of `import` that its batch is not there.
    private static let hasNoBatch = "batch_id NOT IN (SELECT id FROM batch)"

    /// Removes a list that is not complete, some rows at a time: others write meanwhile.
    private func removeList(_ id: Batch.ID) throws(QueueError) {
        var isDone = false
        while !isDone {
            isDone = try write {
                // Looked at in each transaction: another process may have removed the list, and add
                // one under the same ID by now.
                let isThere = try connection.int(
                    "SELECT 1 FROM import WHERE batch_id = ? AND \(Self.hasNoBatch)", .int(id))
                guard isThere == 1, try holdsRight(toAddTo: id)
                else { return true }
                for table in ["block", "line"] {
                    let removed = try connection.run(
                        """
                        DELETE FROM \(table) WHERE batch_id = ?1 AND first IN (
                            SELECT first FROM \(table) WHERE batch_id = ?1 ORDER BY first LIMIT 100)
                        """, .int(id))
                    if removed > 0 { return false }
                }
                if try removeSomeHashes(of: id) { return false }
                try connection.run("DELETE FROM lane WHERE batch_id = ?", .int(id))
                try connection.run("DELETE FROM import WHERE batch_id = ?", .int(id))
                return true
            }
        }
    }

    /// Adds `change`, which may be negative, to the number of a lane's jobs in blocks.
    ///
    /// - Parameter priority: The priority of the batch; it counts where `change` is positive. While
    ///   the list is being added it is 0, since it comes last.
    func add(_ change: Int, toLane lane: ListLane, priority: Int = 0) throws {
        if change > 0 {
            try connection.run(
                """
                INSERT INTO lane (batch_id, lane, jobs, priority) VALUES (?, ?, ?, ?)
                ON CONFLICT (batch_id, lane) DO UPDATE SET jobs = jobs + excluded.jobs
                """, .int(lane.batchID), .int(lane.number), .int(change), .int(priority))
        } else {
            try connection.run(
                "UPDATE lane SET jobs = jobs + ? WHERE batch_id = ? AND lane = ?", .int(change),
                .int(lane.batchID), .int(lane.number))
            try connection.run(
                "DELETE FROM lane WHERE batch_id = ? AND lane = ? AND jobs = 0",
                .int(lane.batchID), .int(lane.number))
        }
    }

    // MARK: - Reading

    public func block(holding position: Int, of batch: Batch) throws(QueueError) -> ListBlock {
        try read {
            let first = try connection.int(
                "SELECT max(first) FROM line WHERE batch_id = ? AND first <= ?", .int(batch.id),
                .int(position))
            guard let first, let block = try block(startingAt: first, of: batch),
                block.positions.contains(position)
            else { throw lineless(position, of: batch.id) }
            return block
        }
    }

    /// Reads the block that begins at a position; `nil` where the batch is no list.
    ///
    /// - Parameter count: The number of its jobs, where that is known.
    func block(
        startingAt first: Int, of batch: Batch, count: Int? = nil
    ) throws -> ListBlock? {
        guard case .list = batch.source else { return nil }
        let row = try connection.prepare(
            "SELECT count, lane, bytes FROM line WHERE batch_id = ? AND first = ?")
        try row.bind([.int(batch.id), .int(first)])
        guard try row.step(), 1...Segment.countMax ~= row.int(0), first >= 0,
            row.int(0) <= batch.count - first, row.int(1) >= 0,
            count == nil || count == row.int(0)
        else { throw lineless(first, of: batch.id) }
        return ListBlock(first: first, count: row.int(0), lane: row.int(1), bytes: row.blob(2))
    }

    func lineless(_ position: Int, of id: Batch.ID) -> QueueError {
        damaged("job \(position) of batch \(id) has no line")
    }

    /// The lines that were read last: jobs in order are often of one block.
    struct LastLines {
        private var batchID: Batch.ID = 0
        private var block: ListBlock?
        private var lines: ListLines?

        /// Returns a block of the line of one job; `nil` where the batch is no list.
        mutating func block(
            of position: Int, in batch: Batch, _ queue: isolated SQLiteQueue
        ) throws -> ListBlock? {
            guard case .list = batch.source else { return nil }
            if batchID != batch.id || !(block?.positions.contains(position) ?? false) {
                let first = try queue.connection.int(
                    "SELECT max(first) FROM line WHERE batch_id = ? AND first <= ?",
                    .int(batch.id), .int(position))
                block = try first.flatMap { try queue.block(startingAt: $0, of: batch) }
                lines = block?.lines()
                batchID = batch.id
            }
            guard let block, let lines, block.positions.contains(position) else {
                throw queue.lineless(position, of: batch.id)
            }
            return block.only(position, of: lines)
        }
    }
}

/// A list that is being added to a queue in SQLite.
final class SQLiteListImport: ListImport {
    private let queue: SQLiteQueue
    private let id: Batch.ID
    private let request: RequestTemplate
    private let fields: LineFields
    /// The number of jobs added.
    private let count = Locked(0)

    init(queue: SQLiteQueue, id: Batch.ID, request: RequestTemplate, fields: LineFields) {
        self.queue = queue
        self.id = id
        self.request = request
        self.fields = fields
    }

    func add(_ blocks: [ListBlock]) async throws(QueueError) {
        var end = count.withLock { $0 }
        for block in blocks {
            precondition(block.first == end, "blocks go on where those before ended")
            end += block.count
        }
        try await queue.add(blocks, to: id)
        count.withLock { $0 = end }
    }

    func finish(
        as label: BatchLabel, hasOneHost: Bool
    ) async throws(QueueError) -> (batch: Batch, isNew: Bool)? {
        let count = count.withLock { $0 }
        guard count > 0 else {
            await queue.abandonList(id)
            return nil
        }
        let list = JobList(
            count: count, request: request, fields: fields, hasOneHost: hasOneHost)
        return try await queue.finishList(id, list, as: label)
    }

    func abandon() async { await queue.abandonList(id) }
}
