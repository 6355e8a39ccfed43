public import JobStore

extension PostgresQueue {
    /// Checks one batch, on one snapshot; at the start also what belongs to no batch.
    public func verify(from place: LedgerPlace) throws(QueueError) -> VerifiedWindow {
        try read {
            var faults: [String] = []
            if place == .start { faults += try strays() + totalFaults() }
            let next = try link.query(
                "SELECT id, count FROM runner.batch WHERE id >= $1 ORDER BY id LIMIT 2",
                .int(place.batchID))
            guard next.count > 0 else { return VerifiedWindow(faults: faults) }
            faults += try faultsOf(batch: next.int(0, 0), count: next.int(0, 1))
            return VerifiedWindow(
                faults: Array(faults.prefix(1000)),
                next: next.count == 1 ? nil : LedgerPlace(batchID: next.int(1, 0), position: 0))
        }
    }

    /// Walks the jobs of a batch, and compares their numbers with those that are kept.
    private func faultsOf(batch: Batch.ID, count: Int) throws -> [String] {
        var faults: [String] = []
        var counted: [Int: Int] = [:]
        var end = 0
        walk: while end < count, faults.count < 1000 {
            let pieces: [Piece]
            do { pieces = try self.pieces(of: batch, from: end) } catch let error as QueueError {
                return faults + [error.description]
            }
            guard !pieces.isEmpty else { break }
            let held: SegmentTable
            do {
                held = try heldSegments(in: pieces)
            } catch is HeldSegment.Misfit {
                return faults + [
                    "batch \(batch): a commit marks jobs that were marked, or that were not claimed"
                ]
            } catch is ByteReader.Malformed {
                return faults + ["batch \(batch): a commit does not read"]
            }
            for piece in pieces {
                guard piece.positions.lowerBound == end, piece.positions.upperBound <= count else {
                    break walk
                }
                end = piece.positions.upperBound
                faults += faultsOf(piece, held, of: batch, &counted)
            }
        }
        if end != count {
            faults.append(
                "batch \(batch): jobs from \(end) on are not tiled exactly up to \(count)")
        }
        faults += try listFaults(of: batch, count: count)
        guard faults.isEmpty else { return faults }
        let kept = try numbers(in: batch...batch, gone: [])[batch] ?? [:]
        for code in Set(kept.keys).union(counted.keys).sorted()
        where kept[code] ?? 0 != counted[code] ?? 0 {
            faults.append(
                "batch \(batch): \(kept[code] ?? 0) jobs are tallied under \(code), and there are \(counted[code] ?? 0)"
            )
        }
        for code in counted.keys where 1...255 ~= code {
            if (try? outcome(ofCode: UInt8(code))) == nil {
                faults.append("batch \(batch): outcome \(code) is not explained")
            }
        }
        return faults
    }

    /// Checks that each job of a list has a line, and that lanes count their blocks.
    private func listFaults(of batch: Batch.ID, count: Int) throws -> [String] {
        let checks = try link.query(
            """
            SELECT
                (SELECT count(*) FROM (
                    SELECT first, lag(first + count, 1, 0::bigint) OVER (ORDER BY first) AS before
                    FROM runner.line WHERE batch_id = $1) l WHERE first <> before),
                (SELECT count(*) FROM runner.batch WHERE id = $1 AND kind = 'list' AND count <>
                    (SELECT coalesce(sum(count), 0) FROM runner.line WHERE batch_id = $1)),
                (SELECT count(*) FROM (
                    SELECT first, count, lane FROM runner.block WHERE batch_id = $1
                    EXCEPT SELECT first, count, lane FROM runner.line WHERE batch_id = $1) b),
                (SELECT count(*) FROM (
                    SELECT lane, sum(count) AS jobs FROM runner.block WHERE batch_id = $1
                    GROUP BY lane) b
                 FULL JOIN (SELECT lane, jobs FROM runner.lane WHERE batch_id = $1 AND jobs > 0) l
                 USING (lane) WHERE b.jobs IS DISTINCT FROM l.jobs)
            """, .int(batch))
        return [
            "lines that do not meet end to end", "more or fewer lines than jobs",
            "blocks that are not as their lines", "lanes that do not count their blocks",
        ].enumerated().compactMap { column, what in
            let found = checks.int(0, column)
            return found == 0 ? nil : "batch \(batch): \(what): \(found)"
        }
    }

    private func faultsOf(
        _ piece: Piece, _ held: SegmentTable, of batch: Batch.ID, _ counted: inout [Int: Int]
    ) -> [String] {
        switch piece.content {
        case .alike(let code):
            if code != 0 { counted[Int(code), default: 0] += piece.positions.count }
            return []
        case .mixed(let codes):
            for code in codes { counted[Int(code), default: 0] += 1 }
            return codes.contains(0)
                ? ["batch \(batch): finished jobs \(piece.positions) lack an outcome"] : []
        case .segment(let runner):
            guard let segment = held.segment(holding: piece.positions.lowerBound, of: batch) else {
                return ["batch \(batch): jobs \(piece.positions) cannot be read"]
            }
            for code in segment.codes where code != 0 { counted[Int(code), default: 0] += 1 }
            guard runner != 0 else { return [] }
            counted[TallyChange.Kind.held.code, default: 0] += segment.todo
            counted[TallyChange.Kind.tried.code, default: 0] += segment.tried
            return []
        }
    }

    /// Rows that belong to no batch or to no runner.
    private func strays() throws -> [String] {
        try [
            ("span", "spans"), ("segment", "segments"), ("mixed", "mixed segments"),
            ("tally", "tallies"), ("lane", "lanes"),
        ].compactMap { table, what in
            let count = try link.query(
                """
                SELECT count(DISTINCT batch_id) FROM runner.\(table)
                WHERE NOT EXISTS (SELECT FROM runner.batch WHERE id = batch_id)
                """
            ).int(0, 0)
            return count == 0 ? nil : "\(what) of no batch: in \(count)"
        }
            + [
                ("log", "commits of no runner", "runner_id"),
                ("segment", "segments of a runner that is not there", "nullif(runner_id, 0)"),
                ("tally", "tallies of a runner that is not there", "nullif(runner_id, 0)"),
            ].compactMap { table, what, column in
                let count = try link.query(
                    """
                    SELECT count(*) FROM runner.\(table) AS t
                    WHERE \(column) IS NOT NULL
                        AND NOT EXISTS (SELECT FROM runner.runner r WHERE r.id = t.runner_id)
                    """
                ).int(0, 0)
                return count == 0 ? nil : "\(what): \(count)"
            }
    }

    /// Compares the numbers over all batches with those of the batches.
    private func totalFaults() throws -> [String] {
        let rows = try link.query(
            """
            SELECT outcome, sum(n) FROM (
                SELECT outcome, count AS n FROM runner.total
                UNION ALL SELECT outcome, -count FROM runner.tally
            ) AS parts GROUP BY outcome HAVING sum(n) <> 0
            """)
        let jobs = try link.query(
            "SELECT jobs - (SELECT coalesce(sum(count), 0) FROM runner.batch) FROM runner.control")
        return (0..<rows.count).map {
            "the total of outcome \(rows.int($0, 0)) is off by \(rows.int($0, 1))"
        } + (jobs.int(0, 0) == 0 ? [] : ["the number of all jobs is off by \(jobs.int(0, 0))"])
    }
}
