public import JobStore

/// Lines of lists as rows of their table.
enum LineRows {
    /// Reads the blocks that hold the lines of some jobs, each once.
    ///
    /// - Returns: The blocks by rising batch and position, without those of jobs that have no line.
    static func blocks(
        holding places: [LedgerPlace], _ link: Link
    ) throws(PostgresError) -> [(batchID: Batch.ID, block: ListBlock)] {
        guard !places.isEmpty else { return [] }
        let rows = try link.query(
            """
            SELECT batch_id, first, count, lane, bytes FROM runner.line
            WHERE (batch_id, first) IN (
                SELECT p.b, (SELECT max(first) FROM runner.line WHERE batch_id = p.b AND first <= p.p)
                FROM unnest($1::bigint[], $2::bigint[]) AS p(b, p))
            ORDER BY batch_id, first
            """, .ints(places.map(\.batchID)), .ints(places.map(\.position)))
        return (0..<rows.count).map { row in
            (
                rows.int(row, 0),
                ListBlock(
                    first: rows.int(row, 1), count: rows.int(row, 2), lane: rows.int(row, 3),
                    bytes: rows.bytes(row, 4) ?? [])
            )
        }
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
        guard let block = try LineRows.blocks(holding: [place], link).first?.block,
            block.positions.contains(position)
        else { throw lineless(place) }
        return block
    }

    /// The blocks of segments of lists, each with the lines of its segment alone.
    func blocks(of segments: [HeldSegment]) throws -> [LedgerPlace: ListBlock] {
        let listed = segments.filter { $0.lane != nil }.sorted {
            ($0.batchID, $0.first) < ($1.batchID, $1.first)
        }[...]
        var rest = listed
        var parts: [LedgerPlace: ListBlock] = [:]
        // Of a block that was cut in parts, all are made of lines that are unpacked once.
        for (batchID, block) in try LineRows.blocks(holding: listed.map(\.place), link) {
            var lines: ListLines?
            while let segment = rest.first, segment.batchID == batchID,
                block.positions.contains(segment.first)
            {
                rest.removeFirst()
                if segment.positions != block.positions { lines = lines ?? block.lines() }
                parts[segment.place] =
                    segment.positions == block.positions
                    ? block : lines.flatMap { block.part(segment.positions, of: $0) }
            }
        }
        for segment in listed where parts[segment.place] == nil { throw lineless(segment.place) }
        return parts
    }

    nonisolated func lineless(_ place: LedgerPlace) -> QueueError {
        damaged("job \(place.position) of batch \(place.batchID) has no line")
    }
}
