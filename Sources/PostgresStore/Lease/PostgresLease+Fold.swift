internal import JobStore

/// Finding out what happened, and writing segments down.
extension PostgresLease {
    /// Takes in what the log has and this runner has not heard of: its own commit whose answer was
    /// lost, and what others wrote. Finds out whether a fold happened, too.
    ///
    /// - Throws: `QueueError` `.fenced` when the runner was taken over.
    func catchUp() throws {
        // The lock waits for a commit or fold that was sent and has begun.
        let (facts, isRefused, log, lastOfLog) = try link.transaction {
            let facts = try link.query(
                """
                SELECT told, folded_seq,
                    (SELECT number FROM runner.claimed WHERE runner_id = $1)
                FROM runner.runner WHERE id = $1 FOR UPDATE
                """, .int(runner))
            let log = try RunnerLog.read(of: runner, after: seq, link)
            return (
                facts, try refuseLateOnes(facts, log), log,
                try link.query(
                    "SELECT coalesce(max(seq), 0) FROM runner.log WHERE runner_id = $1",
                    .int(runner)
                ).int(0, 0)
            )
        }
        guard facts.count == 1 else { throw queue.fenced("its runner is no longer registered") }
        // A commit of ours that is not there any more was confirmed by a server that is gone.
        let last = max(facts.int(0, 1), log.rows.last?.seq ?? lastOfLog)
        guard facts.int(0, 0) >= told, [foldedSeq, foldInDoubt].contains(facts.int(0, 1)),
            facts.int(0, 2) >= claimsTaken, last >= seq
        else { throw queue.forgotten }
        if let fold = foldInDoubt {
            foldInDoubt = nil
            if facts.int(0, 1) == fold { finishFold(upTo: fold) }
        }
        for row in log.rows {
            for entry in row.body.entries {
                try apply(entry, atMicros: row.atMicros)
                guard !row.isByOthers else { continue }
                let place = LedgerPlace(batchID: entry.batchID, position: entry.position)
                if entry.change == .tried {
                    triedUnhanded.append(place)
                } else {
                    settled.insert(place)
                }
            }
            for file in row.body.files { unfolded.files[file.id] = file }
            unfolded.commits += 1
            seq = row.seq
            clock.note(row.atMicros)
        }
        pending = nil
        if facts.int(0, 0) != told {
            try readCancelled()
            try readHeld()
        }
        // Last: where one of these fails, what the runner has is not what others made of it.
        told = facts.int(0, 0) + (isRefused ? 1 : 0)
    }

    /// Keeps a fold or a commit that is in doubt, and has not happened, from happening later: its
    /// connection broke, but the server may have yet to read it, or to begin with it. It names the
    /// number of times that others have written, which is another from now on. In the transaction that
    /// has locked the runner's row.
    ///
    /// - Returns: Whether there was such a fold or commit.
    private func refuseLateOnes(_ facts: Rows, _ log: RunnerLog) throws(PostgresError) -> Bool {
        guard facts.count == 1 else { return false }
        let folded = facts.int(0, 1)
        let lacksFold = foldInDoubt.map { $0 != folded } ?? false
        let lacksCommit =
            pending.map { seq in folded < seq && !log.rows.contains { $0.seq == seq } } ?? false
        guard lacksFold || lacksCommit else { return false }
        try link.query("UPDATE runner.runner SET told = told + 1 WHERE id = $1", .int(runner))
        return true
    }

    /// Reads anew what this runner holds: others may have cut jobs out of it.
    private func readHeld() throws {
        var table = SegmentTable()
        try link.transaction(.reading) {
            let rows = try link.query(
                """
                SELECT \(SegmentRows.columns) FROM runner.segment
                WHERE runner_id = $1 AND claim <> ALL($2::bigint[])
                """, .int(runner), .ints(openClaims.sorted()))
            // What a claim has leased that was not answered yet comes with its answer.
            for row in 0..<rows.count { table.add(try SegmentRows.segment(in: rows, at: row)) }
            let log = try RunnerLog.read(of: runner, after: foldedSeq, link)
            try RunnerLog(rows: log.rows.filter { $0.seq <= seq }).apply(to: &table)
        }
        held = table
        unfolded.changed = Set(table.all.map(\.place))
        retries = RetryList()
        for segment in table.all { retries.add(segment) }
    }

    /// Finds out which of the batches that the runner holds jobs of were cancelled.
    func readCancelled() throws {
        let rows = try link.query(
            """
            SELECT id FROM runner.batch WHERE id = ANY($1::bigint[]) AND cancelled_us IS NOT NULL
            """, .ints(held.batches.sorted()))
        cancelled = Set((0..<rows.count).map { rows.int($0, 0) })
    }

    // MARK: - Folding

    /// The commits after which the segments are written down, finished or not.
    private static let commitsMax = 64

    /// Writes segments down where that is due, once the caller of a commit has its answer: a commit is
    /// not to take as long as two. What is called next waits for it. Of a runner that has nothing left
    /// it is done at once, since others want to know whether all is finished.
    func foldSoon() {
        guard isFoldDue else { return }
        guard !held.all.allSatisfy({ $0.isFinished || $0.isLetGo }) else { return foldIfDue() }
        // Not of any group: the thread of the lease does it next, and what it finds is told to the
        // next commit.
        Task { foldIfDue() }
    }

    private var isFoldDue: Bool {
        // What others wrote of segments that are not held yet must stay in the log.
        guard unplaced.isEmpty else { return false }
        return unfolded.commits >= Self.commitsMax
            || unfolded.changed.contains { place in
                held.segment(holding: place.position, of: place.batchID)
                    .map { $0.isFinished || $0.isLetGo } ?? false
            }
    }

    /// Writes segments down where one of them is finished or the log has grown. When that cannot be
    /// done now, a later commit does it.
    private func foldIfDue() {
        guard isHeld, isFoldDue else { return }
        do throws(QueueError) {
            try foldNow()
        } catch {
            let mayPass: Set<QueueError.Code> = [.busy, .unreachable, .full]
            if !mayPass.contains(error.code) { foldFailure = error }
        }
    }

    /// Writes down what the log tells of, and empties the log.
    func foldNow() throws(QueueError) {
        try ask {
            if pending != nil || foldInDoubt != nil { try catchUp() }
            guard unfolded.commits > 0 else { return }
            guard unplaced.isEmpty else { throw isChanged }
            do {
                guard try fold() else {
                    // Others have written to the log, or it is not ours any more.
                    try catchUp()
                    guard unplaced.isEmpty, try fold() else {
                        throw isChanged
                    }
                    return finishFold(upTo: seq)
                }
                finishFold(upTo: seq)
            } catch let error as PostgresError where error.kind == .lost {
                foldInDoubt = seq
                throw error
            }
        }
    }

    private var isChanged: QueueError {
        QueueError(.busy, "the queue \(queue.name) is being changed by others; try again")
    }

    /// - Returns: Whether the runner has heard of all that others wrote; otherwise nothing is done.
    private func fold() throws -> Bool {
        let (sql, values) = try foldStatement()
        do throws(PostgresError) {
            return try link.query(sql, values).bool(0, 0)
        } catch {
            guard error.kind == .refused("RN001") else { throw error }
            throw queue.fenced("a segment is no longer this runner's")
        }
    }

    /// The statement that writes down what the log tells of.
    func foldStatement() throws -> (sql: String, values: [Value]) {
        var changed = unfolded.changed.compactMap {
            held.segment(holding: $0.position, of: $0.batchID)
        }
        var tally = unfolded.tally
        // Nobody else is to go on with what is let go of a cancelled batch.
        for index in changed.indices
        where changed[index].isLetGo && cancelled.contains(changed[index].batchID) {
            try changed[index].cancel(&tally)
        }
        let values =
            [.int(runner), .int(told), .int(seq), .int(foldedSeq)]
            + SegmentRows.values(ofOpen: changed.filter { !$0.isFinished }, of: runner)
            + SegmentRows.values(ofFinished: changed.filter(\.isFinished))
            + SegmentRows.values(of: tally) + [.int(attachment.site.id)]
            + SegmentRows.values(of: unfolded.files.values.sorted { $0.id < $1.id })
        let names = (1...values.count).map { "$\($0)" }.joined(separator: ", ")
        return ("SELECT runner.fold(\(names))", values)
    }

    private func finishFold(upTo seq: Int) {
        for place in unfolded.changed {
            guard let segment = held.segment(holding: place.position, of: place.batchID),
                segment.isFinished || segment.isLetGo
            else { continue }
            held.remove(place)
        }
        unfolded = Unfolded()
        foldedSeq = seq
        // The batches of which nothing is held are not asked for again.
        let left = held.batches
        batches = batches.filter { left.contains($0.key) }
        cancelled.formIntersection(left)
    }
}
