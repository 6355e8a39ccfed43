/// The part of one transaction that puts jobs back.
struct PutBackSlice {
    /// Whether jobs with an outcome are put back, by its code.
    private(set) var isWanted = [Bool](repeating: false, count: 256)
    /// The jobs that were put back.
    var jobs = 0
    /// The changes of the tallies of the batch under way.
    var change = OutcomeCounts()
    /// Whether the records that the jobs have are superseded by later ones, rather than lost.
    let keepsRecords: Bool
    private let end: ContinuousClock.Instant

    /// - Parameter timeMax: The time until the rest is left to others.
    init(codes: [UInt8], timeMax: Duration, keepsRecords: Bool = true) {
        end = .now + timeMax
        self.keepsRecords = keepsRecords
        for code in codes { isWanted[Int(code)] = true }
    }

    /// Whether the rest is left to other transactions.
    var isOver: Bool { ContinuousClock.now >= end }
}

/// Spans and segments whose jobs are put back.
extension SQLiteQueue {
    /// A span or a segment.
    private struct Piece {
        let jobs: Range<Int>
        /// The outcome of a span; `nil` of a segment.
        let code: UInt8?
    }

    /// Puts back jobs of a window.
    ///
    /// - Parameter wanted: The jobs to put back, if their outcomes are wanted: rising runs.
    /// - Returns: The position up to which all was done; past the last of `wanted`, the batch's
    ///   count.
    func putBack(
        _ wanted: [Range<Int>], in batch: Batch, _ window: Range<Int>, _ slice: inout PutBackSlice
    ) throws -> Int {
        let before = slice.jobs
        var end = window.lowerBound
        var isDone = false
        while !isDone {
            let pieces = try pieces(of: batch, from: end, before: window.upperBound)
            for piece in pieces {
                let runs = wanted.clamped(
                    to: max(piece.jobs.lowerBound, end)..<piece.jobs.upperBound)
                end = try putBack(runs, of: piece, in: batch, &slice)
                // The rest of a long span comes next time.
                if slice.isOver || end < piece.jobs.upperBound { break }
            }
            isDone = slice.isOver || pieces.isEmpty
            if pieces.isEmpty { end = window.upperBound }
        }
        for (code, count) in slice.change.take() {
            try add(count, toTallyOf: batch.id, code)
            try add(count, toTotalOf: code)
        }
        if slice.jobs > before, slice.keepsRecords, try mayHaveRecords() {
            try connection.run(
                "UPDATE batch SET superseded_max = superseded_max + ? WHERE id = ?",
                .int(slice.jobs - before), .int(batch.id))
        }
        return min(end, window.upperBound)
    }

    /// The most spans and segments that are listed at a time.
    private static let piecesMax = 256

    /// Lists spans of outcomes and segments, from the one that holds a position on.
    private func pieces(
        of batch: Batch, from position: Int, before end: Int
    ) throws -> [Piece] {
        guard position < end else { return [] }
        let rows = try connection.prepare(
            """
            SELECT first, count, outcome FROM span
            WHERE batch_id = ?1 AND first >= ?2 AND first < ?3 AND outcome > 0
            UNION ALL
            SELECT first, count, NULL FROM segment
            WHERE batch_id = ?1 AND first >= ?2 AND first < ?3
            ORDER BY first LIMIT ?4
            """)
        try rows.bind([
            .int(batch.id), .int(try startOfPiece(holding: position, in: batch)), .int(end),
            .int(Self.piecesMax),
        ])
        var pieces: [Piece] = []
        while try rows.step() {
            let (first, count) = (rows.int(0), rows.int(1))
            guard first >= 0, count >= 1, count <= batch.count - first,
                let code = rows.isNull(2) ? 0 : UInt8(exactly: rows.int(2))
            else { throw damaged("batch \(batch.id) has \(count) jobs at \(first)") }
            let jobs = first..<first + count
            if jobs.upperBound > position {
                pieces.append(Piece(jobs: jobs, code: rows.isNull(2) ? nil : code))
            }
        }
        return pieces
    }

    /// - Returns: The position up to which the piece was done.
    private func putBack(
        _ runs: [Range<Int>], of piece: Piece, in batch: Batch, _ slice: inout PutBackSlice
    ) throws -> Int {
        guard !runs.isEmpty else { return piece.jobs.upperBound }
        guard let code = piece.code else {
            try putBackSegment(piece.jobs, runs, of: batch, &slice)
            return piece.jobs.upperBound
        }
        guard slice.isWanted[Int(code)] else { return piece.jobs.upperBound }
        switch batch.source {
        case .range:
            return try putBackSpan(piece.jobs, code, runs, of: batch, &slice)
        case .list:
            return try putBackBlocks(of: piece.jobs, code, runs, of: batch, &slice)
        }
    }

    // MARK: - Segments

    private func putBackSegment(
        _ jobs: Range<Int>, _ runs: [Range<Int>], of batch: Batch, _ slice: inout PutBackSlice
    ) throws {
        let row = try connection.prepare(
            """
            SELECT rowid, todo, retrying, runner_id, not_before_us, outcomes FROM segment
            WHERE batch_id = ? AND first = ?
            """)
        try row.bind([.int(batch.id), .int(jobs.lowerBound)])
        guard try row.step(), jobs.count <= Segment.countMax, 0...jobs.count ~= row.int(1),
            row.byteCount(5) <= jobs.count,
            var outcomes = Blob.unpacked(row.blob(5), count: jobs.count)
        else { throw damaged("the outcomes of jobs \(jobs) of batch \(batch.id) do not unpack") }
        let found = clear(runs, in: &outcomes, from: jobs.lowerBound, &slice)
        guard found > 0 else { return }
        let (rowID, todo, isLeased) = (row.int(0), row.int(1) + found, !row.isNull(3))
        let isParked = row.int(1) > 0 && row.int(4) > 0
        if todo == jobs.count, !isLeased, !isParked {
            try connection.run("DELETE FROM segment WHERE rowid = ?", .int(rowID))
            try makeAvailable(
                batch: batch.id, first: jobs.lowerBound, count: jobs.count,
                priority: try priority(of: batch.id))
            return
        }
        // A runner that leases the segment does not know of these. What nobody works on stays
        // packed: millions of jobs may wait for days.
        let keepsBytes = isLeased || row.int(2) > 0
        try connection.run(
            """
            UPDATE segment SET todo = ?2, returned = returned + ?3, not_before_us = ?4,
                priority = ?5, outcomes = ?6
            WHERE rowid = ?1
            """,
            .int(rowID), .int(todo), .int(isLeased ? found : 0), .int(isParked ? row.int(4) : 0),
            .int(try priority(of: batch.id)),
            .blob(keepsBytes ? outcomes : Blob.packed(outcomes, level: 1)))
    }

    /// Sets wanted outcomes to none.
    ///
    /// - Returns: Their number.
    func clear(
        _ runs: [Range<Int>], in outcomes: inout [UInt8], from first: Int,
        _ slice: inout PutBackSlice
    ) -> Int {
        var found = 0
        for run in runs {
            for offset in run.lowerBound - first..<run.upperBound - first
            where slice.isWanted[Int(outcomes[offset])] {
                slice.change.add(-1, to: outcomes[offset])
                outcomes[offset] = 0
                found += 1
            }
        }
        slice.change.add(found, to: 0)
        slice.jobs += found
        return found
    }

    func priority(of id: Batch.ID) throws -> Int {
        try connection.int("SELECT priority FROM batch WHERE id = ?", .int(id)) ?? 0
    }
}

extension [Range<Int>] {
    /// The parts of rising runs that are within a window.
    package func clamped(to window: Range<Int>) -> [Range<Int>] {
        // Runs may be many, and windows are.
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].upperBound <= window.lowerBound {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return self[low...].prefix { $0.lowerBound < window.upperBound }
            .map { $0.clamped(to: window) }.filter { !$0.isEmpty }
    }
}
