internal import Glibc

/// Makes one queue of all shards of a larger one, done or not.
///
/// The shards are only read. The merged queue is a file under another name until it is whole; killed
/// before, nothing else is left.
public struct QueueMerger: Sendable {
    private let paths: [String]
    private let target: String
    private let place: @Sendable (OutputSettings, _ folder: String) -> String
    private let isClosed: @Sendable (QueueOutput, _ folder: String) -> Bool

    /// - Parameters:
    ///   - paths: The shards, in any order.
    ///   - target: The path of the merged queue, where there is nothing so far.
    ///   - place: Tells where an output's folder is now, as the merged queue is to keep it, by the
    ///     folder of the shard's file.
    ///   - isClosed: Tells whether an output is as it has to be in a queue that nobody runs any more,
    ///     by the folder of the shard's file.
    public init(
        _ paths: [String], to target: String,
        place: @escaping @Sendable (OutputSettings, _ folder: String) -> String,
        isClosed: @escaping @Sendable (QueueOutput, _ folder: String) -> Bool
    ) {
        self.paths = paths
        self.target = target
        self.place = place
        self.isClosed = isClosed
    }

    /// Checks that the queues are shards that can be merged, before anything is done with them.
    ///
    /// - Returns: Those whose output is to be closed first: it may have more than counts.
    /// - Throws: `.unfit` when the queues are not all shards of one larger queue, each once;
    ///   `.notAQueue` when there is a file at `target`; `.inUse` when a runner works on a shard.
    public func check() async throws(QueueError) -> [String] {
        let shards = try await shards()
        guard try QueueFile(path: target).state == .missing else { throw targetIsThere }
        var open: [String] = []
        for shard in shards.files {
            let queue = try SQLiteQueue(path: shard.path, access: .read)
            do throws(QueueError) {
                if try await !queue.isLeftWell(isClosed) { open.append(shard.path) }
                await queue.close()
            } catch {
                await queue.close()
                throw error
            }
        }
        return open
    }

    private var targetIsThere: QueueError {
        QueueError(.notAQueue, "there is a queue at \(target) already", remedy: .nameAnotherFile)
    }

    private func shards() async throws(QueueError) -> ShardFiles {
        guard let shards = try await ShardFiles(paths) else {
            throw QueueError(.unfit, "none of the queues is a shard of another one")
        }
        if let missing = shards.missing {
            throw QueueError(
                .unfit, "shards are missing of the \(shards.count) there are: \(missing)",
                remedy: .nameAllShards)
        }
        return shards
    }

    /// Merges the shards.
    ///
    /// - Returns: The jobs of the merged queue.
    /// - Throws: As `check` does; `.inUse` when a runner works on a shard; `.damaged` when one
    ///   contradicts itself.
    /// - Complexity: O(spans + segments + blocks + batches · shards); memory grows with the number of
    ///   shards alone.
    public func run() async throws(QueueError) -> QueueCounts {
        let shards = try await shards()
        let file = try QueueFile(path: target)
        guard file.state == .missing else { throw targetIsThere }
        guard let lock = try file.openLock(.create) else {
            preconditionFailure("a queue that is made has a lock file")
        }
        try lock.takeToWrite(target)
        defer { lock.release(.write) }
        guard !file.isMade else { throw targetIsThere }
        try file.checkNoLog()
        try file.removeLeftDraft()
        do throws(QueueError) {
            try await fill(file.draft, shards)
            // Made by somebody meanwhile, who asks for no lock.
            guard !file.isMade else { throw targetIsThere }
            do throws(Errno) {
                try file.placeDraft()
            } catch {
                throw error.unmakable("the queue \(target)")
            }
        } catch {
            file.removeDraft()
            throw error
        }
        return try await counts()
    }

    private func fill(_ path: String, _ shards: ShardFiles) async throws(QueueError) {
        let draft = try QueueDraft(path: path, name: target)
        for shard in shards.files {
            let queue = try SQLiteQueue(path: shard.path, access: .read)
            do throws(QueueError) {
                try await queue.copyAll(to: draft, place, isClosed)
                await queue.close()
            } catch {
                await queue.close()
                throw error
            }
        }
        try draft.endMerge()
        try draft.finish()
    }

    private func counts() async throws(QueueError) -> QueueCounts {
        let queue = try SQLiteQueue(path: target, access: .read)
        do throws(QueueError) {
            let counts = try await queue.counts()
            await queue.close()
            return counts
        } catch {
            await queue.close()
            throw error
        }
    }
}

extension SQLiteQueue {
    /// Whether no run has left anything for the next one to do: neither a runner that was killed, nor
    /// an output that is not closed.
    fileprivate func isLeftWell(
        _ isClosed: @Sendable (QueueOutput, String) -> Bool
    ) throws(QueueError) -> Bool {
        try checkNobodyRuns()
        let folder = QueueFile.folder(ofFileAt: path)
        return try read {
            try connection.int("SELECT 1 FROM runner LIMIT 1") == nil
                && isClosed(try readOutput(), folder)
        }
    }

    private func checkNobodyRuns() throws(QueueError) {
        guard let isRunLive else {
            throw QueueError(
                .unreadable,
                "whether a run works on the queue \(path) cannot be seen; let \(path)-lock be read")
        }
        guard !isRunLive else {
            throw QueueError(
                .inUse, "a run works on the queue \(path); wait for its end, or stop it")
        }
    }

    /// Copies a shard to the queue that it is merged to, behind those with lower numbers.
    fileprivate func copyAll(
        to draft: QueueDraft, _ place: @Sendable (OutputSettings, String) -> String,
        _ isClosed: @Sendable (QueueOutput, String) -> Bool
    ) throws(QueueError) {
        try checkNobodyRuns()
        let folder = QueueFile.folder(ofFileAt: path)
        try read {
            guard isClosed(try readOutput(), folder) else { throw outputIsOpen() }
            try checkNothingIsHalfDone()
            try copyOutcomes(to: draft, areKept: false)
            try forEachBatch { row in
                try draft.append(row, of: path)
                try copyJobs(of: row.batch, in: 0..<row.batch.count, to: draft)
            }
            try copyChoices(to: draft, share: 1)
            for (output, _) in try outputs() {
                guard let settings = output.settings else { continue }
                try draft.add(output, at: place(settings, folder), isCarried: false)
            }
            let (sum, isTooLarge) = try unrecordedCount().addingReportingOverflow(
                try keptShard()?.unrecorded ?? 0)
            try draft.add(unrecorded: isTooLarge ? .max : max(0, sum))
            try draft.keepFormat(try outputs().last?.output.settings?.format)
        }
    }
}

// MARK: - The merged queue

extension QueueDraft {
    /// Begins to add the jobs of a shard's batch, behind those of the shards before.
    ///
    /// - Parameter path: The shard's, for messages.
    /// - Throws: `.unfit` where it does not go on with them.
    fileprivate func append(_ row: BatchRow, of path: String) throws(QueueError) {
        let id = row.batch.id
        let piece = row.whole ?? .init(first: 0, count: row.batch.count)
        let known = try known(id)
        let end = known?.end ?? 0
        guard piece.first == end else {
            throw QueueError(
                .unfit,
                piece.first > end
                    ? "jobs \(end)..<\(piece.first) of batch \(id) are in none of the queues, though \(path) has those behind"
                    : "jobs from \(piece.first) on of batch \(id) of \(path) are in another one of the queues, too"
            )
        }
        if let known {
            guard known.count == piece.count, known.firstID == row.firstIDOfWhole,
                try hasSame(row)
            else {
                throw QueueError(
                    .unfit,
                    "batch \(id) of \(path) is not a piece of that batch of the other queues: they were queued otherwise"
                )
            }
            try grow(row)
        } else {
            try insert(row, 0..<row.batch.count, of: piece, supersededMax: row.supersededMax)
        }
        try begin(row, shift: end, at: end)
    }

    private func known(
        _ id: Batch.ID
    ) throws(QueueError) -> (end: Int, count: Int, firstID: Int)? {
        try write { connection throws(SQLiteError) in
            let row = try connection.prepare(
                "SELECT count, whole_count, first_id FROM batch WHERE id = ?")
            try row.bind([.int(id)])
            return try row.step() ? (row.int(0), row.int(1), row.int(2)) : nil
        }
    }

    private func hasSame(_ row: BatchRow) throws(QueueError) -> Bool {
        try write { connection throws(SQLiteError) in
            let conditions = BatchRow.sharedColumns.map { "\($0) IS ?" }
            let same = try connection.prepare(
                "SELECT 1 FROM batch WHERE \(conditions.joined(separator: " AND ")) AND id = ?")
            try same.bind(row.shared + [.int(row.batch.id)])
            return try same.step()
        }
    }

    /// A batch counts as cancelled where each of its pieces is.
    private func grow(_ row: BatchRow) throws(QueueError) {
        try write { connection throws(SQLiteError) in
            _ = try connection.run(
                """
                UPDATE batch SET count = count + ?2, superseded_max = superseded_max + ?3,
                    created_at_us = min(created_at_us, ?4),
                    cancelled_at_us = min(cancelled_at_us, ?5)
                WHERE id = ?1
                """,
                .int(row.batch.id), .int(row.batch.count), .int(row.supersededMax),
                .int(row.createdAtMicros), row.cancelledAtMicros.map(Value.int) ?? .null)
        }
    }

    fileprivate func add(unrecorded: Int) throws(QueueError) {
        try write { connection throws(SQLiteError) in
            _ = try connection.run(
                """
                INSERT INTO merged (id, completed, unrecorded) VALUES (1, 0, ?1)
                ON CONFLICT (id) DO UPDATE SET unrecorded = unrecorded + excluded.unrecorded
                """, .int(unrecorded))
        }
    }

    /// - Throws: `.unfit` when a batch is not whole.
    fileprivate func endMerge() throws(QueueError) {
        let rest = try write { connection throws(SQLiteError) -> (id: Int, end: Int, count: Int)? in
            let row = try connection.prepare(
                "SELECT id, count, whole_count FROM batch WHERE count <> whole_count LIMIT 1")
            try row.bind([])
            return try row.step() ? (row.int(0), row.int(1), row.int(2)) : nil
        }
        if let rest {
            throw QueueError(
                .unfit,
                "jobs \(rest.end)..<\(rest.count) of batch \(rest.id) are in none of the queues")
        }
        try write { connection throws(SQLiteError) in
            try connection.execute(
                """
                UPDATE batch SET whole_first = NULL, whole_count = NULL;
                UPDATE merged SET completed = (
                    SELECT coalesce(sum(count), 0) FROM tally
                    JOIN outcome ON code = outcome AND state = 'completed');
                """)
        }
    }
}
