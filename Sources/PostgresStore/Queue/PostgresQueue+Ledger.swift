public import JobStore

extension PostgresQueue {
    public func page(from place: LedgerPlace) throws(QueueError) -> LedgerPage {
        let gone = try ask { try goneRunners() }
        return try read { try readPage(from: place, gone: Set(gone)) }
    }

    private func readPage(from place: LedgerPlace, gone: Set<Int>) throws -> LedgerPage {
        var draft = PageDraft()
        var id = place.batchID
        while true {
            let rows = try link.query(
                """
                SELECT \(Self.batchColumns) FROM runner.batch WHERE id >= $1 ORDER BY id LIMIT 1
                """, .int(id))
            guard rows.count == 1 else { return LedgerPage(spans: draft.spans, next: nil) }
            let batch = try batch(in: rows, at: 0)
            var begin = batch.id == place.batchID ? place.position : 0
            while begin < batch.count {
                guard !draft.isFull else {
                    return LedgerPage(
                        spans: draft.spans, next: LedgerPlace(batchID: batch.id, position: begin))
                }
                begin = try add(batch, from: begin, gone: gone, to: &draft)
            }
            guard batch.id < .max else { return LedgerPage(spans: draft.spans, next: nil) }
            id = batch.id + 1
        }
    }

    /// Adds some jobs of a batch to a page.
    ///
    /// - Returns: The position after the last job that was added.
    private func add(
        _ batch: Batch, from begin: Int, gone: Set<Int>, to draft: inout PageDraft
    ) throws -> Int {
        let pieces = try pieces(of: batch.id, from: begin)
        let held = try heldSegments(in: pieces)
        var end = begin
        for piece in pieces {
            guard !draft.isFull else { break }
            guard piece.positions.lowerBound <= end, piece.positions.upperBound > end,
                piece.positions.upperBound <= batch.count
            else { break }
            let wanted = piece.positions.clamped(to: end..<batch.count)
            switch piece.content {
            case .alike(let code):
                let outcome = code == 0 ? nil : try outcome(ofCode: code)
                draft.add(batch, wanted, JobState(unheld: outcome), outcome)
            case .mixed(let codes):
                let segment = HeldSegment(
                    batchID: batch.id, first: piece.positions.lowerBound, priority: 0, codes: codes)
                try unfold(segment, wanted, of: batch, isHeld: false, into: &draft)
            case .segment(let runner):
                guard
                    let segment = held.segment(holding: piece.positions.lowerBound, of: batch.id)
                else {
                    throw damaged("jobs \(piece.positions) of batch \(batch.id) cannot be read")
                }
                let isHeld = runner != 0 && !gone.contains(runner)
                try unfold(segment, wanted, of: batch, isHeld: isHeld, into: &draft)
            }
            end = wanted.upperBound
        }
        guard end > begin else {
            throw damaged("jobs from \(begin) on of batch \(batch.id) are in no span or segment")
        }
        return end
    }

    /// Adds the jobs `wanted` of a segment.
    private func unfold(
        _ segment: HeldSegment, _ wanted: Range<Int>, of batch: Batch, isHeld: Bool,
        into draft: inout PageDraft
    ) throws {
        var position = wanted.lowerBound
        while position < wanted.upperBound {
            let code = segment.codes[position - segment.first]
            let isTried = isHeld && segment.retry(at: position)?.isTried == true
            var end = position + 1
            while end < wanted.upperBound, segment.codes[end - segment.first] == code,
                (isHeld && segment.retry(at: end)?.isTried == true) == isTried
            {
                end += 1
            }
            let outcome = code == 0 ? nil : try outcome(ofCode: code)
            let isRunning = isTried || isHeld && code == 0
            draft.add(
                batch, position..<end, isRunning ? .running : JobState(unheld: outcome), outcome)
            position = end
        }
    }

    // MARK: - Pieces

    /// A row of one of the tables that tile a batch.
    struct Piece {
        enum Content {
            /// A span.
            case alike(UInt8)
            case mixed([UInt8])
            /// A segment of a runner; 0 for none.
            case segment(runner: Int)
        }
        let positions: Range<Int>
        let content: Content
        /// Of a segment.
        let segment: HeldSegment?
    }

    /// The most pieces that are read at a time.
    private static let piecesMax = 512

    /// Reads pieces of a batch that end after a position, by rising position.
    ///
    /// - Throws: `.damaged` when a piece cannot be.
    func pieces(of batch: Batch.ID, from begin: Int) throws -> [Piece] {
        // Each part comes in the order of its key. Of the parts keyed by their first job, the one
        // that holds `begin` may begin before it, but by less than the most jobs of a segment.
        let rows = try link.query(
            """
            SELECT * FROM (
                (SELECT batch_id, first, stop - first AS count, 0, NULL::bytea, NULL::bytea, 0,
                    0::bigint, NULL::int, outcome, NULL::bigint
                 FROM runner.span WHERE batch_id = $1 AND stop > $2 ORDER BY stop LIMIT $3)
                UNION ALL
                (SELECT \(SegmentRows.columns), NULL, runner_id
                 FROM runner.segment
                 WHERE batch_id = $1 AND first > $2 - 4096 AND first + count > $2
                 ORDER BY first LIMIT $3)
                UNION ALL
                (SELECT batch_id, first, count, 0, outcomes, NULL, 0, 0, NULL, NULL, NULL
                 FROM runner.mixed
                 WHERE batch_id = $1 AND first > $2 - 4096 AND first + count > $2
                 ORDER BY first LIMIT $3)
                UNION ALL
                (SELECT batch_id, first, count, 0, NULL, NULL, 0, 0, lane, 0, NULL
                 FROM runner.block
                 WHERE batch_id = $1 AND first > $2 - 4096 AND first + count > $2
                 ORDER BY first LIMIT $3)
            ) AS pieces ORDER BY first LIMIT $3
            """, .int(batch), .int(begin), .int(Self.piecesMax))
        return try (0..<rows.count).map { try piece(in: rows, at: $0) }
    }

    private func piece(in rows: Rows, at row: Int) throws -> Piece {
        let (first, count) = (rows.int(row, 1), rows.int(row, 2))
        func impossible() -> QueueError {
            damaged("batch \(rows.int(row, 0)) has \(count) jobs at \(first) that cannot be")
        }
        guard first >= 0, count > 0, first <= .max - count else { throw impossible() }
        let positions = first..<first + count
        if let code = rows.intIfAny(row, SegmentRows.columnCount) {
            guard let code = UInt8(exactly: code) else { throw impossible() }
            return Piece(positions: positions, content: .alike(code), segment: nil)
        }
        if let runner = rows.intIfAny(row, SegmentRows.columnCount + 1) {
            guard let segment = try? SegmentRows.segment(in: rows, at: row) else {
                throw impossible()
            }
            return Piece(positions: positions, content: .segment(runner: runner), segment: segment)
        }
        guard count <= Segment.countMax,
            let codes = SegmentRows.codes(rows.bytes(row, 4), count: count)
        else { throw impossible() }
        return Piece(positions: positions, content: .mixed(codes), segment: nil)
    }

    /// The segments among pieces, with what the logs of their runners tell of them.
    func heldSegments(in pieces: [Piece]) throws -> SegmentTable {
        var tables: [Int: SegmentTable] = [:]
        for piece in pieces {
            guard case .segment(let runner) = piece.content, let segment = piece.segment else {
                continue
            }
            tables[runner, default: SegmentTable()].add(segment)
        }
        var held = SegmentTable()
        for (runner, var table) in tables {
            if runner != 0 { try RunnerLog.read(of: runner, link).apply(to: &table) }
            for segment in table.all { held.add(segment) }
        }
        return held
    }

    public func recordsSupersededMax(of batch: Batch.ID) throws(QueueError) -> Int {
        try ask {
            try link.query(
                "SELECT coalesce(max(superseded_max), 0) FROM runner.batch WHERE id = $1",
                .int(batch)
            ).int(0, 0)
        }
    }
}
