extension SQLiteQueue {
    public func page(from place: LedgerPlace) throws(QueueError) -> LedgerPage {
        // Asked before the snapshot: what a runner that ends in between held is given back in it.
        let isLive = isRunLive ?? false
        return try read { try readPage(from: place, isLive: isLive) }
    }

    private func readPage(from place: LedgerPlace, isLive: Bool) throws -> LedgerPage {
        let batches = try connection.prepare(
            "SELECT \(Self.batchColumns) FROM batch WHERE id >= ? ORDER BY id")
        try batches.bind([.int(place.batchID)])
        // All parts come in the order of their keys, so they are merged, not sorted: a page reads
        // no more rows than it holds.
        let hasBlocks = try schemaVersion() >= 5
        let pieces = try connection.prepare(
            """
            SELECT first, count, outcome, NULL, NULL, NULL FROM span
            WHERE batch_id = ?1 AND first >= ?2
            UNION ALL
            SELECT first, count, NULL, runner_id, retrying, outcomes FROM segment
            WHERE batch_id = ?1 AND first >= ?2
            \(hasBlocks ? Self.blockPieces : "")
            ORDER BY first
            """)
        var draft = PageDraft()
        while try batches.step() {
            let batch = try batch(in: batches)
            let begin = batch.id == place.batchID ? place.position : 0
            guard begin < batch.count else { continue }
            var end = try startOfPiece(holding: begin, in: batch)
            try pieces.bind([.int(batch.id), .int(end)])
            while end < batch.count {
                guard !draft.isFull else {
                    let next = LedgerPlace(batchID: batch.id, position: max(begin, end))
                    return LedgerPage(spans: draft.spans, next: next)
                }
                let piece = try nextPiece(pieces, in: batch, after: end)
                end = piece.upperBound
                let wanted = piece.clamped(to: begin..<batch.count)
                if wanted.isEmpty { continue }
                if pieces.isNull(2) {
                    try unfold(pieces, piece, wanted, of: batch, isLive: isLive, into: &draft)
                } else {
                    let outcome = try outcome(ofCode: pieces.int(2), in: batch)
                    draft.add(batch, wanted, JobState(unheld: outcome), outcome)
                }
            }
        }
        return LedgerPage(spans: draft.spans, next: nil)
    }

    /// The start of the last span or segment that begins at `position` or before.
    func startOfPiece(holding position: Int, in batch: Batch) throws -> Int {
        if position == 0 { return 0 }
        let start = try connection.int(
            """
            SELECT max(first) FROM (
                SELECT max(first) AS first FROM span WHERE batch_id = ?1 AND first <= ?2
                UNION ALL
                SELECT max(first) FROM segment WHERE batch_id = ?1 AND first <= ?2
                \(try schemaVersion() >= 5 ? Self.blockStart : ""))
            """, .int(batch.id), .int(position))
        guard let start, start >= 0 else {
            throw damaged("jobs \(0..<position) of batch \(batch.id) are in no span or segment")
        }
        return start
    }

    /// The part of a page's query for blocks that were not claimed; a queue opened for reading may
    /// be older than these.
    private static let blockPieces = """
        UNION ALL
        SELECT first, count, 0, NULL, NULL, NULL FROM block WHERE batch_id = ?1 AND first >= ?2
        """
    private static let blockStart = """
        UNION ALL
        SELECT max(first) FROM block WHERE batch_id = ?1 AND first <= ?2
        """

    /// Steps to the next span or segment, which must begin where the one before ended.
    private func nextPiece(
        _ pieces: borrowing Statement, in batch: Batch, after end: Int
    ) throws -> Range<Int> {
        let hasRow = try pieces.step()
        let first = hasRow ? pieces.int(0) : batch.count
        guard first <= end else {
            throw damaged("jobs \(end)..<\(first) of batch \(batch.id) are in no span or segment")
        }
        let count = pieces.int(1)
        guard first == end, count >= 1, count <= batch.count - first else {
            throw damaged(
                "batch \(batch.id) has \(count) jobs at \(first), which do not fit their neighbours"
            )
        }
        return first..<first + count
    }

    /// Adds the jobs `wanted` of a segment, the one in the current row of `pieces`.
    private func unfold(
        _ pieces: borrowing Statement, _ segment: Range<Int>, _ wanted: Range<Int>,
        of batch: Batch, isLive: Bool, into draft: inout PageDraft
    ) throws {
        guard segment.count <= Segment.countMax,
            let codes = Blob.unpacked(pieces.blob(5), count: segment.count)
        else {
            throw damaged("the outcomes of jobs \(segment) of batch \(batch.id) do not unpack")
        }
        let isHeld = isLive && !pieces.isNull(3)
        let tried = isLive && pieces.int(4) > 0 ? try retriesTried(segment, of: batch) : []
        var position = wanted.lowerBound
        while position < wanted.upperBound {
            let code = codes[position - segment.lowerBound]
            var end = position + 1
            while end < wanted.upperBound, codes[end - segment.lowerBound] == code { end += 1 }
            let outcome = try outcome(ofCode: Int(code), in: batch)
            let state = outcome == nil && isHeld ? .running : JobState(unheld: outcome)
            if state == .retrying && !tried.isEmpty {
                // Few; those that stand alike become one again.
                for retry in position..<end {
                    let state = tried.contains(retry) ? .running : state
                    draft.add(batch, retry..<retry + 1, state, outcome)
                }
            } else {
                draft.add(batch, position..<end, state, outcome)
            }
            position = end
        }
    }

    /// The positions of retries that a runner holds.
    private func retriesTried(_ positions: Range<Int>, of batch: Batch) throws -> Set<Int> {
        let statement = try connection.prepare(
            """
            SELECT position FROM retry
            WHERE batch_id = ? AND position >= ? AND position < ? AND runner_id IS NOT NULL
            """)
        try statement.bind([
            .int(batch.id), .int(positions.lowerBound), .int(positions.upperBound),
        ])
        var tried: Set<Int> = []
        while try statement.step() { tried.insert(statement.int(0)) }
        return tried
    }

    private func outcome(ofCode code: Int, in batch: Batch) throws -> Outcome? {
        if code == 0 { return nil }
        guard let code = UInt8(exactly: code),
            let outcome = try codes.outcome(of: code, in: connection)
        else {
            throw damaged(
                "batch \(batch.id) has jobs with outcome \(code), which the table outcome does not explain"
            )
        }
        return outcome
    }
}
