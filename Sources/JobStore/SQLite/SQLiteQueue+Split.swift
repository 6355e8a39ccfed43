internal import Glibc

/// A queue is split in this order, so that a kill leaves either the whole queue or all of its shards:
/// what runners and wishes have left half-way is finished; the shards are written to drafts, beside
/// which nobody writes to the queue; the queue says that it was split; the drafts are put in their
/// places. What is missing after that is made good by the next call.
extension SQLiteQueue {
    /// Splits the queue into shards, each a queue of its own. The queue itself is not worked on any
    /// more.
    ///
    /// Killed, or failed, before the last transaction, the queue is as it was, and the call can be
    /// repeated; so it can afterwards, with the same arguments: then it puts in their places the
    /// shards that are not there so far.
    ///
    /// - Parameters:
    ///   - count: The number of shards, 1 to `Shard.countMax`.
    ///   - folder: The folder in which each shard gets one; made if missing.
    ///   - place: Tells where an output's folder is now, as an absolute path.
    /// - Throws: `.inUse` when a runner works on the queue or a list is being added; `.unfit` when
    ///   the queue has fewer jobs in each batch than there are to be shards, is a shard itself, or
    ///   was split otherwise, and when there are queues already where the shards belong.
    /// - Complexity: O(spans + segments + blocks + batches · `count`); memory does not grow with
    ///   them. Others who write to the queue wait, or fail with `.busy`.
    public func split(
        into count: Int, folder: String, place: @Sendable (OutputSettings) -> String
    ) async throws(QueueError) -> SplitQueue {
        precondition(1...Shard.countMax ~= count, "the number of shards is within its bounds")
        let path = try SplitFolder.make(folder)
        guard runnerID == nil else { throw fenced("this process runs the queue") }
        // Before anything is looked at: somebody else may put the shards in their places.
        try takeRightToRun(pid: Int(getpid()))
        defer { lock?.release(.run) }
        if let done = try finishSplit(into: count, at: path) { return done }
        try removeAbandonedLists()
        _ = try write { try rescue() }
        try await finishCancellations()
        try await finishPutBacks()
        let shards = try plan(into: count, at: path)
        do {
            try write {
                try checkIsSplittable(into: count)
                guard try readOutput().files.allSatisfy(\.isSealed) else { throw outputIsOpen() }
                try makeDrafts(shards, place)
                try connection.run("UPDATE split SET is_complete = 1")
                try connection.run(
                    "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
                    .text(Shard.splitName), .text("\(count) queues in \(path)"))
            }
        } catch {
            // Else the next call finds them.
            if (try? settleNotSplit()) != nil { shards.removeDrafts() }
            throw error
        }
        _ = try shards.place()
        return SplitQueue(count: count, folder: path, isNew: true, counts: try counts(of: nil))
    }

    /// Makes sure that no commit of a split that failed happens later.
    ///
    /// All of it may be in the log, and only its sync have failed: whoever reads the log next, after
    /// a kill, takes it for whole. So other frames are written over it.
    ///
    /// - Throws: `.wasSplit` when it has happened.
    private func settleNotSplit() throws(QueueError) {
        try write {
            // Back and forth, since a page that does not change is not written.
            try connection.run("UPDATE split SET is_complete = 1")
            try connection.run("UPDATE split SET is_complete = 0")
        }
    }

    /// The error for a queue whose output a run has left open since it was closed.
    func outputIsOpen() -> QueueError {
        QueueError(
            .inUse,
            "the output of the queue \(path) is not closed: a run has worked on it meanwhile; try again"
        )
    }

    /// Finishes what a call before has done but for putting shards in their places.
    ///
    /// - Returns: `nil` when the queue was not split.
    private func finishSplit(
        into count: Int, at path: String
    ) throws(QueueError) -> SplitQueue? {
        let made = try read { () -> SplitFolder? in
            guard try hasShardTables() else { return nil }
            let row = try connection.prepare(
                "SELECT folder, whole, count FROM split WHERE is_complete = 1")
            try row.bind([])
            guard try row.step() else { return nil }
            guard 1...Shard.countMax ~= row.int(2) else {
                throw damaged("it was split into \(row.int(2)) queues")
            }
            return SplitFolder(path: row.text(0), whole: row.text(1), count: row.int(2))
        }
        guard let made else { return nil }
        guard made.count == count, made.path == path else {
            try read { try checkNotSplit() }
            return nil
        }
        let isNew = try made.place()
        return SplitQueue(
            count: count, folder: path, isNew: isNew, counts: try counts(of: nil))
    }

    /// Keeps what is to be made before any of it is, so that the next call can remove what a kill
    /// leaves.
    private func plan(into count: Int, at path: String) throws(QueueError) -> SplitFolder {
        let before = try read { () -> SplitFolder? in
            guard try hasShardTables() else { return nil }
            let row = try connection.prepare("SELECT folder, whole, count FROM split")
            try row.bind([])
            guard try row.step(), 1...Shard.countMax ~= row.int(2) else { return nil }
            return SplitFolder(path: row.text(0), whole: row.text(1), count: row.int(2))
        }
        if let before {
            try settleNotSplit()
            before.removeDrafts()
        }
        return try write {
            let whole = try connection.text("SELECT lower(hex(randomblob(16)))")
            let shards = SplitFolder(path: path, whole: whole, count: count)
            try shards.checkIsFree()
            try Migrator.makeShardTables(connection)
            try connection.run(
                "INSERT OR REPLACE INTO split VALUES (1, ?, ?, ?, 0)", .text(whole), .int(count),
                .text(path))
            return shards
        }
    }

    private func checkIsSplittable(into count: Int) throws {
        if let kept = try keptShard() {
            throw QueueError(
                .unfit,
                "the queue \(path) is shard \(kept.shard.text) itself: a shard is not split; merge all of them, or split the whole into more"
            )
        }
        try checkNothingIsHalfDone()
        try checkHasNoConditions()
        let most = try connection.int("SELECT max(count) FROM batch") ?? 0
        guard count <= most else {
            throw QueueError(
                .unfit,
                most == 0
                    ? "the queue \(path) has no jobs"
                    : "the largest batch of the queue \(path) has \(most) jobs: that is too few for \(count) queues"
            )
        }
    }

    // MARK: - Drafts

    private func makeDrafts(
        _ shards: SplitFolder, _ place: @Sendable (OutputSettings) -> String
    ) throws {
        try shards.makeDrafts()
        let hasOutput = try hasOutput()
        let unrecorded = hasOutput ? try unrecordedCount() : 0
        let format = try outputs().last?.output.settings?.format
        for number in 0..<shards.count {
            guard let shard = Shard(number: number, of: shards.count) else { continue }
            let draft = try QueueDraft(path: shards.draft(number), name: shards.queue(number))
            try copy(shard, to: draft)
            try draft.hold(
                shard, of: shards.whole, hasOutput: hasOutput,
                unrecorded: number == 0 ? unrecorded : 0)
            if number == 0 {
                for (output, _) in try outputs() {
                    guard let settings = output.settings else { continue }
                    try draft.add(output, at: place(settings), isCarried: true)
                }
            }
            try draft.keepFormat(format)
            try draft.keep("\(try nextBatchID() - 1)", as: Self.lastBatchName)
            try draft.finish()
        }
        try shards.syncDrafts()
    }

    private func copy(_ shard: Shard, to draft: QueueDraft) throws {
        try copyOutcomes(to: draft, areKept: true)
        try forEachBatch { row in
            let positions = shard.positions(of: row.batch.count)
            guard !positions.isEmpty else { return }
            // What was superseded before is in the output that the first shard tells of.
            try draft.insert(
                row, positions,
                of: WholeBatch(first: positions.lowerBound, count: row.batch.count),
                supersededMax: positions.lowerBound == 0 ? row.supersededMax : 0)
            try draft.begin(row, shift: -positions.lowerBound)
            try copyJobs(of: row.batch, in: positions, to: draft)
        }
        try copyChoices(to: draft, share: 1 / Double(shard.count))
    }
}

extension QueueDraft {
    /// Makes the draft a shard.
    ///
    /// - Parameters:
    ///   - hasOutput: Whether the larger queue had an output.
    ///   - unrecorded: The number of completed jobs of the larger queue that are not in it.
    fileprivate func hold(
        _ shard: Shard, of whole: String, hasOutput: Bool, unrecorded: Int
    ) throws(QueueError) {
        try write { connection throws(SQLiteError) in
            _ = try connection.run(
                """
                INSERT INTO shard (id, whole, number, count, has_output, completed_before,
                    unrecorded)
                SELECT 1, ?, ?, ?, ?, coalesce(sum(count), 0), ? FROM tally
                JOIN outcome ON code = outcome AND state = 'completed'
                """,
                .text(whole), .int(shard.number), .int(shard.count), .int(hasOutput ? 1 : 0),
                .int(unrecorded))
        }
    }
}
