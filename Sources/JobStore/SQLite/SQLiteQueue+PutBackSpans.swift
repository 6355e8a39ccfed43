/// Spans whose failed jobs are put back: those of ranges as spans, those of lists as blocks.
extension SQLiteQueue {
    /// The most runs of a span that become spans of their own in one transaction.
    private static let runsMax = 1000

    /// Puts back runs of a span of a range.
    func putBackSpan(
        _ jobs: Range<Int>, _ code: UInt8, _ runs: [Range<Int>], of batch: Batch,
        _ slice: inout PutBackSlice
    ) throws -> Int {
        try removeSpan(jobs, of: batch)
        let priority = try priority(of: batch.id)
        var end = jobs.lowerBound
        for run in runs.prefix(Self.runsMax) {
            try insertRest(end..<run.lowerBound, code, of: batch)
            try insertSpan(
                batch: batch.id, first: run.lowerBound, count: run.count, outcome: 0,
                priority: priority)
            count(run.count, code, &slice)
            end = run.upperBound
        }
        try insertRest(end..<jobs.upperBound, code, of: batch)
        return runs.count > Self.runsMax ? end : jobs.upperBound
    }

    private func removeSpan(_ jobs: Range<Int>, of batch: Batch) throws {
        let removed = try connection.run(
            "DELETE FROM span WHERE batch_id = ? AND first = ?", .int(batch.id),
            .int(jobs.lowerBound))
        guard removed == 1 else { throw damaged("batch \(batch.id) has no jobs at \(jobs)") }
    }

    /// Inserts what stays as it is of a span.
    private func insertRest(_ jobs: Range<Int>, _ code: UInt8, of batch: Batch) throws {
        guard !jobs.isEmpty else { return }
        try insertSpan(
            batch: batch.id, first: jobs.lowerBound, count: jobs.count, outcome: code)
    }

    private func count(_ jobs: Int, _ code: UInt8, _ slice: inout PutBackSlice) {
        slice.change.add(-jobs, to: code)
        slice.change.add(jobs, to: 0)
        slice.jobs += jobs
    }

    // MARK: - Blocks

    /// Puts back runs of a span of a list: as blocks, or as segments where they are parts of blocks.
    ///
    /// - Returns: The position up to which the span was done: the end of a block.
    func putBackBlocks(
        of jobs: Range<Int>, _ code: UInt8, _ runs: [Range<Int>], of batch: Batch,
        _ slice: inout PutBackSlice
    ) throws -> Int {
        try removeSpan(jobs, of: batch)
        var end = jobs.lowerBound
        var done = jobs.lowerBound
        let blocks = try blocks(of: jobs, from: runs[0].lowerBound, in: batch)
        for (index, block) in blocks.enumerated() where index == 0 || !slice.isOver {
            let wanted = runs.clamped(to: block)
            done = block.upperBound
            guard let first = wanted.first else { continue }
            try insertRest(end..<block.lowerBound, code, of: batch)
            end = block.upperBound
            if first == block {
                try makeAvailable(
                    batch: batch.id, first: block.lowerBound,
                    count: block.count, priority: try priority(of: batch.id))
                count(first.count, code, &slice)
            } else {
                try insertSegment(block, code, wanted, of: batch, &slice)
            }
        }
        try insertRest(end..<jobs.upperBound, code, of: batch)
        return runs.last.map { $0.upperBound <= done } ?? true ? jobs.upperBound : done
    }

    /// The most blocks that are listed at a time.
    private static let blocksMax = 1000

    /// Lists the blocks of a span, from the one that holds a position on.
    private func blocks(
        of jobs: Range<Int>, from position: Int, in batch: Batch
    ) throws -> [Range<Int>] {
        let rows = try connection.prepare(
            """
            SELECT first, count FROM line WHERE batch_id = ?1 AND first < ?3 AND first >=
                (SELECT max(first) FROM line WHERE batch_id = ?1 AND first <= ?2)
            ORDER BY first LIMIT ?4
            """)
        try rows.bind([
            .int(batch.id), .int(position), .int(jobs.upperBound), .int(Self.blocksMax),
        ])
        var blocks: [Range<Int>] = []
        while try rows.step() {
            let (first, count) = (rows.int(0), rows.int(1))
            guard first >= jobs.lowerBound, 1...Segment.countMax ~= count,
                count <= jobs.upperBound - first
            else {
                throw damaged(
                    "the lines of jobs \(jobs) of batch \(batch.id) are not those of the jobs")
            }
            blocks.append(first..<first + count)
        }
        guard !blocks.isEmpty else {
            throw damaged("job \(position) of batch \(batch.id) has no line")
        }
        return blocks
    }

    private func insertSegment(
        _ jobs: Range<Int>, _ code: UInt8, _ wanted: [Range<Int>], of batch: Batch,
        _ slice: inout PutBackSlice
    ) throws {
        var outcomes = [UInt8](repeating: code, count: jobs.count)
        let found = clear(wanted, in: &outcomes, from: jobs.lowerBound, &slice)
        try connection.run(
            """
            INSERT INTO segment (batch_id, first, count, todo, retrying, priority, outcomes)
            VALUES (?, ?, ?, ?, 0, ?, ?)
            """,
            .int(batch.id), .int(jobs.lowerBound), .int(jobs.count), .int(found),
            .int(try priority(of: batch.id)), .blob(Blob.packed(outcomes, level: 1)))
    }
}
