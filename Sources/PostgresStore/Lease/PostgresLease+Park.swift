internal import JobStore

/// Setting segments aside.
extension PostgresLease {
    func park(_ starts: [LedgerPlace], for wait: Duration) throws(QueueError) {
        try checkIsHeld()
        for _ in 0..<Self.triesMax {
            // Rows and memory are the same then, and the log tells of nothing that is not in them.
            try foldNow()
            let parked = starts.compactMap { start in
                held.segment(holding: start.position, of: start.batchID)
                    .flatMap { $0.place == start && $0.todo > 0 ? $0 : nil }
            }
            guard !parked.isEmpty else { return }
            let waitMicros = min(wait, Retry.waitMax).microseconds
            let parts = parked.map { Parts($0, isCancelled: cancelled.contains($0.batchID)) }
            let isDone = try ask {
                do {
                    return try link.transaction { try park(parts, waitMicros) }
                } catch let error as PostgresError where error.kind == .lost {
                    // The rows are read anew, which tells what became of it.
                    told = -1
                    throw error
                }
            }
            if isDone {
                for part in parts {
                    held.remove(part.whole.place)
                    for kept in part.kept where !kept.isFinished { held.add(kept) }
                }
                return
            }
            try ask { try catchUp() }
        }
        throw QueueError(
            .busy, "the queue \(queue.name) is being changed by others; try again")
    }

    private static let triesMax = 4

    /// A segment of which the jobs to do go away: the rest of it stays with the runner where retries
    /// wait in it, since those are tried by this runner as before.
    private struct Parts {
        let whole: HeldSegment
        var kept: [HeldSegment] = []
        var free: [HeldSegment] = []
        var tally = TallyChange()

        init(_ segment: HeldSegment, isCancelled: Bool) {
            whole = segment
            // Between retries, what is done goes with what is to do: the parts are to be few.
            var begin = segment.first
            while begin < segment.positions.upperBound {
                let isRetry = segment.retry(at: begin) != nil
                let end =
                    (begin + 1..<segment.positions.upperBound).first {
                        (segment.retry(at: $0) != nil) != isRetry
                    } ?? segment.positions.upperBound
                let part = segment.part(begin..<end)
                if part.todo > 0 { free.append(part) } else { kept.append(part) }
                begin = end
            }
            guard isCancelled else { return }
            for index in free.indices {
                // Jobs without an outcome take any.
                try? free[index].cancel(&tally)
            }
        }
    }

    /// - Returns: Whether the runner has heard of all that others wrote; otherwise nothing is done.
    private func park(_ parts: [Parts], _ waitMicros: Int) throws -> Bool {
        let me = try link.query(
            "SELECT FROM runner.runner WHERE id = $1 AND told = $2 AND folded_seq = $3 FOR UPDATE",
            .int(runner), .int(told), .int(seq))
        guard me.count == 1 else { return false }
        let wholes = parts.map(\.whole)
        let gone = try link.query(
            """
            DELETE FROM runner.segment s
            USING unnest($1::bigint[], $2::bigint[]) AS u(batch_id, first)
            WHERE s.batch_id = u.batch_id AND s.first = u.first AND s.runner_id = $3
            """, .ints(wholes.map(\.batchID)), .ints(wholes.map(\.first)), .int(runner))
        guard gone.touched == wholes.count else {
            throw queue.fenced("a segment is no longer this runner's")
        }
        try SegmentRows.insert(parts.flatMap(\.kept), of: runner, link)
        let done = parts.flatMap(\.kept).filter(\.isFinished)
        _ = try SegmentRows.save(done, of: runner, to: runner, link)
        try SegmentRows.insert(parts.flatMap(\.free), of: 0, link)
        let ended = parts.flatMap(\.free).filter(\.isFinished)
        _ = try SegmentRows.save(ended, of: 0, to: 0, link)
        let open = parts.flatMap(\.free).filter { !$0.isFinished }
        try link.query(
            """
            UPDATE runner.segment s SET not_before_us = \(clock.sql) + $3::bigint
            FROM unnest($1::bigint[], $2::bigint[]) AS u(batch_id, first)
            WHERE s.batch_id = u.batch_id AND s.first = u.first
            """, .ints(open.map(\.batchID)), .ints(open.map(\.first)), .int(waitMicros))
        var tally = TallyChange()
        for part in parts { tally.add(part.tally) }
        try SegmentRows.add(tally, of: 0, link)
        return true
    }
}
