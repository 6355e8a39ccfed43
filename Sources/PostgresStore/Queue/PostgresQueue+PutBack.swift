public import JobStore

/// Failed jobs that are put back: a wish in the table `put_back`, which is carried out in the order
/// of jobs, some of them in each transaction.
extension PostgresQueue {
    public func putBack(_ jobs: FailedJobs) throws(QueueError) -> Int {
        try takeOverGone()
        try finishPutBacks()
        let token = Self.randomName()
        let id = try change {
            let known = try link.query(
                "SELECT id FROM runner.put_back WHERE token = $1", .text(token))
            if known.count == 1 { return known.int(0, 0) }
            let added = try link.query(
                """
                INSERT INTO runner.put_back (id, token, outcomes, host, batch_id, first_id, end_id,
                    next_batch_id)
                SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6, 0 FROM runner.put_back
                RETURNING id
                """,
                .text(token), Value(jobs.outcomes?.map(\.text).joined(separator: ",")),
                Value(jobs.host?.text), Value(jobs.batch), Value(jobs.ids?.lowerBound),
                Value(jobs.ids?.upperBound))
            try link.query(
                "DELETE FROM runner.put_back WHERE next_batch_id IS NULL AND id < $1",
                .int(added.int(0, 0) - Self.finishedMax))
            return added.int(0, 0)
        }
        try carryOut(id)
        return try ask {
            try link.query("SELECT jobs FROM runner.put_back WHERE id = $1", .int(id)).int(0, 0)
        }
    }

    /// The wishes that are done with and kept, so that whoever had one hears the number of jobs,
    /// also when another process went on with it.
    private static let finishedMax = 100

    /// Puts back what is left of wishes since calls were killed.
    func finishPutBacks() throws(QueueError) {
        let ids = try ask {
            let rows = try link.query(
                "SELECT id FROM runner.put_back WHERE next_batch_id IS NOT NULL ORDER BY id")
            return (0..<rows.count).map { rows.int($0, 0) }
        }
        for id in ids { try carryOut(id) }
    }

    private func carryOut(_ id: Int) throws(QueueError) {
        while try change({ try putSomeBack(of: id) }) {}
    }

    /// A wish that is not done with.
    private struct Wish {
        let jobs: FailedJobs
        /// The place of the next job to look at.
        let next: LedgerPlace
    }

    /// - Returns: `nil` when the wish is done with.
    private func openWish(_ id: Int) throws -> Wish? {
        let row = try link.query(
            """
            SELECT outcomes, host, batch_id, first_id, end_id, next_batch_id, next_position
            FROM runner.put_back WHERE id = $1 AND next_batch_id IS NOT NULL
            """, .int(id))
        guard row.count == 1 else { return nil }
        let texts = row.textIfAny(0, 0)?.split(separator: ",").map(String.init)
        var jobs = FailedJobs()
        jobs.outcomes = texts?.compactMap { OutcomePattern($0) }
        jobs.host = row.textIfAny(0, 1).flatMap { HostPattern($0) }
        jobs.batch = row.intIfAny(0, 2)
        let (first, end) = (row.intIfAny(0, 3), row.intIfAny(0, 4))
        guard jobs.outcomes?.count == texts?.count, row.isNull(0, 1) == (jobs.host == nil),
            row.int(0, 6) >= 0, first ?? 0 >= 0, first ?? 0 <= end ?? .max
        else { throw damaged("the wish \(id) to put jobs back does not read") }
        if let first, let end { jobs.ids = first..<end }
        return Wish(
            jobs: jobs, next: LedgerPlace(batchID: row.int(0, 5), position: row.int(0, 6)))
    }

    /// The most positions that one transaction goes through: it is to take a second at most.
    static let positionsMax = 1 << 20

    /// Puts back jobs of one batch, as many as are in the pieces that are read at a time.
    ///
    /// - Returns: Whether something may be left.
    private func putSomeBack(of id: Int) throws -> Bool {
        guard let wish = try openWish(id) else { return false }
        let rows = try link.query(
            """
            SELECT \(Self.batchColumns), priority FROM runner.batch
            WHERE id >= $1 AND cancelled_us IS NULL AND ($2::bigint IS NULL OR id = $2)
            ORDER BY id LIMIT 1
            """, .int(wish.next.batchID), Value(wish.jobs.batch))
        guard rows.count == 1 else { return try note(0, of: id, next: nil) }
        let batch = try batch(in: rows, at: 0)
        let selected = wish.jobs.positions(in: batch)
        let begin = max(
            batch.id == wish.next.batchID ? wish.next.position : 0, selected.lowerBound)
        let later = LedgerPlace(batchID: batch.id + 1, position: 0)
        let last = min(batch.count, selected.upperBound)
        guard begin < last else { return try note(0, of: id, next: later) }
        // A piece may be all of a batch.
        let bound = begin + min(last - begin, Self.positionsMax)
        let pieces = try lockedPieces(of: batch.id, from: begin)
        var pass = PutBackPass(
            batch: batch, priority: rows.int(0, Self.batchColumnCount),
            selection: .failed(wish.jobs),
            positions: begin..<bound)
        try putBack(pieces, &pass)
        let end = min(bound, pieces.last?.positions.upperBound ?? bound)
        return try note(
            pass.count, of: id,
            next: end < last
                ? LedgerPlace(batchID: batch.id, position: end) : later, in: batch.id)
    }

    /// Notes how far a wish was carried out.
    ///
    /// - Parameter next: `nil` at the end.
    private func note(
        _ count: Int, of id: Int, next: LedgerPlace?, in batch: Batch.ID = 0
    ) throws -> Bool {
        try link.query(
            """
            UPDATE runner.put_back SET jobs = jobs + $2, next_batch_id = $3, next_position = $4
            WHERE id = $1
            """, .int(id), .int(count), Value(next?.batchID), .int(next?.position ?? 0))
        if count > 0 {
            try link.query(
                """
                UPDATE runner.batch SET superseded_max = superseded_max + $2
                WHERE id = $1 AND EXISTS (SELECT FROM runner.site WHERE folder IS NOT NULL)
                """, .int(batch), .int(count))
        }
        return next != nil
    }

    /// Reads pieces of a batch, and keeps runners from changing them until the transaction has ended.
    func lockedPieces(of batch: Batch.ID, from begin: Int) throws -> [Piece] {
        var locks = SegmentLocks()
        while true {
            let pieces = try pieces(of: batch, from: begin)
            let segments = pieces.compactMap { piece -> (first: Int, runner: Int)? in
                guard case .segment(let runner) = piece.content else { return nil }
                return (piece.positions.lowerBound, runner)
            }
            if try locks.cover(segments, of: batch, link) { return pieces }
        }
    }
}
