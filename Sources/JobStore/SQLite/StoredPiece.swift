/// Consecutive jobs of a batch as a queue keeps them.
struct StoredPiece {
    enum Content {
        /// Jobs that are all alike, by their code.
        case span(UInt8)
        /// The codes of a segment's jobs, one each.
        case segment([UInt8])
        /// A block of a list that nobody has begun, by its lane.
        case block(lane: Int)
    }

    var positions: Range<Int>
    var content: Content

    /// Returns the part of the jobs that are within a range, which is not empty.
    func clamped(to range: Range<Int>) -> StoredPiece {
        var part = self
        part.positions = positions.clamped(to: range)
        if case .segment(let codes) = content, part.positions != positions {
            let start = part.positions.lowerBound - positions.lowerBound
            part.content = .segment(Array(codes[start..<start + part.positions.count]))
        }
        return part
    }
}

extension SQLiteQueue {
    /// Calls a function with all that is kept of a batch's jobs within a range, in order; what
    /// reaches beyond is cut.
    ///
    /// - Throws: `.damaged` where the jobs are not tiled.
    func forEachPiece(
        of batch: Batch, in range: Range<Int>, _ body: (StoredPiece) throws -> Void
    ) throws {
        let rows = try connection.prepare(
            """
            SELECT first, count, 0, outcome, NULL FROM span WHERE batch_id = ?1 AND first >= ?2
            UNION ALL
            SELECT first, count, 1, NULL, outcomes FROM segment
            WHERE batch_id = ?1 AND first >= ?2
            UNION ALL
            SELECT first, count, 2, lane, NULL FROM block WHERE batch_id = ?1 AND first >= ?2
            ORDER BY first
            """)
        var end = try startOfPiece(holding: range.lowerBound, in: batch)
        try rows.bind([.int(batch.id), .int(end)])
        while end < range.upperBound {
            guard try rows.step(), rows.int(0) == end, rows.int(1) >= 1,
                rows.int(1) <= batch.count - end
            else {
                throw damaged("jobs of batch \(batch.id) from \(end) on are in no span or segment")
            }
            let piece = StoredPiece(
                positions: end..<end + rows.int(1), content: try content(of: rows, in: batch))
            end = piece.positions.upperBound
            if end > range.lowerBound { try body(piece.clamped(to: range)) }
        }
    }

    private func content(
        of row: borrowing Statement, in batch: Batch
    ) throws -> StoredPiece.Content {
        let (first, count) = (row.int(0), row.int(1))
        switch row.int(2) {
        case 0:
            if let code = row.number(3).flatMap({ UInt8(exactly: $0) }) { return .span(code) }
        case 1:
            if count <= Segment.countMax, row.byteCount(4) <= count,
                let codes = Blob.unpacked(row.blob(4), count: count)
            {
                return .segment(codes)
            }
        default:
            if let lane = row.number(3), lane >= 0, count <= Segment.countMax {
                return .block(lane: lane)
            }
        }
        throw damaged("the outcomes of jobs \(first)..<\(first + count) of batch \(batch.id)")
    }
}
