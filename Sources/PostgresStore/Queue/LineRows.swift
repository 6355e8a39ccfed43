public import JobStore

/// Lines of lists as rows of their table.
enum LineRows {
    /// Reads the blocks that hold the lines of some jobs.
    ///
    /// - Returns: The blocks of those that have lines.
    static func blocks(
        holding places: [LedgerPlace], _ link: Link
    ) throws(PostgresError) -> [LedgerPlace: ListBlock] {
        guard !places.isEmpty else { return [:] }
        let rows = try link.query(
            """
            SELECT p.b, p.p, l.first, l.count, l.lane, l.bytes
            FROM unnest($1::bigint[], $2::bigint[]) AS p(b, p), LATERAL (
                SELECT first, count, lane, bytes FROM runner.line
                WHERE batch_id = p.b AND first <= p.p ORDER BY first DESC LIMIT 1) l
            WHERE l.first + l.count > p.p
            """, .ints(places.map(\.batchID)), .ints(places.map(\.position)))
        var blocks: [LedgerPlace: ListBlock] = [:]
        for row in 0..<rows.count {
            blocks[LedgerPlace(batchID: rows.int(row, 0), position: rows.int(row, 1))] = ListBlock(
                first: rows.int(row, 2), count: rows.int(row, 3), lane: rows.int(row, 4),
                bytes: rows.bytes(row, 5) ?? [])
        }
        return blocks
    }
}

extension PostgresQueue {
    public func block(
        holding position: Int, of batch: Batch
    ) throws(QueueError) -> ListBlock {
        try ask { try readBlock(holding: position, of: batch.id) }
    }

    func readBlock(holding position: Int, of batch: Batch.ID) throws -> ListBlock {
        let place = LedgerPlace(batchID: batch, position: position)
        guard let block = try LineRows.blocks(holding: [place], link)[place] else {
            throw lineless(place)
        }
        return block
    }

    /// The blocks of segments of lists, each with the lines of its segment alone.
    func blocks(of segments: [HeldSegment]) throws -> [LedgerPlace: ListBlock] {
        let listed = segments.filter { $0.lane != nil }
        let blocks = try LineRows.blocks(holding: listed.map(\.place), link)
        var parts: [LedgerPlace: ListBlock] = [:]
        for segment in listed {
            guard let part = blocks[segment.place]?.part(segment.positions) else {
                throw lineless(segment.place)
            }
            parts[segment.place] = part
        }
        return parts
    }

    nonisolated func lineless(_ place: LedgerPlace) -> QueueError {
        damaged("job \(place.position) of batch \(place.batchID) has no line")
    }
}
