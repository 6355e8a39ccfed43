extension SQLiteQueue {
    /// Checks the whole queue in one window: a long look at a file disturbs nobody.
    public func verify(from place: LedgerPlace) throws(QueueError) -> VerifiedWindow {
        try read {
            var faults = Faults()
            let check = try connection.prepare("PRAGMA integrity_check(20)")
            try check.bind([])
            while try check.step(), check.text(0) != "ok" {
                faults.add("integrity_check: \(check.text(0))")
            }
            try verifyBatches(&faults)
            try verifyLeases(&faults)
            if try schemaVersion() >= 5 { try verifyLists(&faults) }
            if try hasHashes() { try count(Self.hashChecks, &faults) }
            if try schemaVersion() >= 18 { try verifyValidators { faults.add($0) } }
            if try hasShardTables() {
                try count(Self.shardChecks, &faults)
            } else if try schemaVersion() >= 16 {
                try count(Self.wholeChecks, &faults)
            }
            return VerifiedWindow(faults: faults.sentences)
        }
    }

    /// Walks all batches with their spans, segments, tallies and retries, each table once and in
    /// order. Nothing in the tables is trusted, not even that a number is a number.
    private func verifyBatches(_ faults: inout Faults) throws {
        let batches = try connection.prepare("SELECT id, count FROM batch ORDER BY id")
        try batches.bind([])
        var walk = BatchWalk(
            // All parts come in the order of their keys, so they are merged, not sorted.
            pieces: try rows(
                """
                SELECT batch_id, first, count, 0, outcome, NULL, NULL FROM span
                UNION ALL
                SELECT batch_id, first, count, 1, todo, retrying, outcomes FROM segment
                \(try schemaVersion() >= 5 ? Self.blockPieces : "")
                ORDER BY batch_id, first
                """),
            tallies: try rows(
                "SELECT batch_id, outcome, count FROM tally ORDER BY batch_id, outcome"),
            retries: try rows("SELECT batch_id, position FROM retry ORDER BY batch_id, position"))
        while try batches.step() {
            guard let id = batches.number(0), let count = batches.number(1) else {
                faults.add("a batch has no number for its ID or its count")
                continue
            }
            try walk.passStrays(before: id)
            try verify(batch: id, count: count, &walk, &faults)
        }
        try walk.passStrays(before: nil)
        for (count, what) in [
            (walk.strays.spans, "spans of no batch"),
            (walk.strays.segments, "segments of no batch"),
            (walk.strays.tallies, "tallies of no batch"),
            (walk.strays.retries, "retries outside a segment"),
        ] where count != 0 {
            faults.add("\(what): \(count)")
        }
        if try schemaVersion() >= 3 { try verifyTotals(walk.total, &faults) }
    }

    /// Blocks that were not claimed, as spans of available jobs. Those of a list that is being added
    /// are nobody's until its batch is there.
    private static let blockPieces = """
        UNION ALL
        SELECT batch_id, first, count, 2, 0, NULL, NULL FROM block WHERE \(hasBatchOrStray)
        """

    /// The condition on a row of a list that it is of no list that is yet to become a batch.
    private static let hasBatchOrStray = """
        batch_id NOT IN (
            SELECT batch_id FROM import WHERE batch_id NOT IN (SELECT id FROM batch))
        """

    /// Walks a batch's spans and segments in order: they must meet end to end.
    private func verify(
        batch: Int, count: Int, _ walk: inout BatchWalk, _ faults: inout Faults
    ) throws {
        var found = OutcomeCounts()
        var end = 0
        var lastSpan: Int?
        while walk.pieces.isAt(batch) {
            if let piece = Piece(walk.pieces.row) {
                let jobs = piece.jobs
                let name = "batch \(batch), jobs \(jobs)"
                if jobs.lowerBound > end {
                    faults.add(
                        "batch \(batch): jobs \(end)..<\(jobs.lowerBound) are in no span or segment"
                    )
                }
                if jobs.lowerBound < end { faults.add("\(name): overlap what ends at \(end)") }
                end = max(end, jobs.upperBound)
                if piece.isMergeable && piece.value == lastSpan {
                    faults.add("\(name): not one span with its like before it")
                }
                lastSpan = piece.isMergeable ? piece.value : nil
                if piece.isSpan {
                    try verifySpan(name, piece, &found, &faults)
                } else {
                    try verifySegment(name, piece, of: batch, &walk, &found, &faults)
                }
            } else {
                faults.add("batch \(batch): a span or segment that does not read")
            }
            try walk.pieces.pass()
        }
        if end != count { faults.add("batch \(batch): tiled to \(end), holds \(count) jobs") }
        try verifyTally(of: batch, &walk, &found, &faults)
    }

    private func verifySpan(
        _ name: String, _ span: Piece, _ found: inout OutcomeCounts, _ faults: inout Faults
    ) throws {
        guard let code = UInt8(exactly: span.value) else {
            faults.add("\(name): outcome \(span.value), which cannot be")
            return
        }
        if !found.add(span.jobs.count, to: code) {
            faults.add("\(name): more jobs than can be counted")
        }
        guard code > 0 else { return }
        switch try codes.state(of: code, in: connection) {
        case .retrying: faults.add("\(name): a span of retrying jobs")
        case .completed, .failed, .cancelled: break
        case nil: faults.add("\(name): outcome \(code) is not in the table outcome")
        }
    }

    private func verifySegment(
        _ name: String, _ segment: Piece, of batch: Int, _ walk: inout BatchWalk,
        _ found: inout OutcomeCounts, _ faults: inout Faults
    ) throws {
        let jobs = segment.jobs
        // A blob is never longer than what it unpacks to: what is, is not looked at.
        guard jobs.count <= Segment.countMax, walk.pieces.row.byteCount(6) <= jobs.count,
            let outcomes = Blob.unpacked(walk.pieces.row.blob(6), count: jobs.count)
        else {
            faults.add("\(name): the outcomes do not unpack")
            return
        }
        var waiting: [Int] = []
        var open = 0
        var unknown: Set<UInt8> = []
        for (offset, code) in outcomes.enumerated() {
            found.add(1, to: code)
            if code == 0 {
                open += 1
            } else {
                switch try codes.state(of: code, in: connection) {
                case .retrying: waiting.append(jobs.lowerBound + offset)
                case .completed, .failed, .cancelled: break
                case nil: unknown.insert(code)
                }
            }
        }
        for code in unknown.sorted() {
            faults.add("\(name): outcome \(code) is not in the table outcome")
        }
        if open != segment.value {
            faults.add("\(name): todo says \(segment.value), there are \(open)")
        }
        let retrying = walk.pieces.row.number(5)
        if waiting.count != retrying {
            let said = retrying.map { "\($0)" } ?? "nothing"
            faults.add("\(name): retrying says \(said), there are \(waiting.count)")
        }
        if try walk.passRetries(of: jobs, in: batch) != waiting {
            faults.add("\(name): the table retry does not match its retrying jobs")
        }
    }

    /// - Parameter found: The jobs of the batch by outcome; this call empties it.
    private func verifyTally(
        of batch: Int, _ walk: inout BatchWalk, _ found: inout OutcomeCounts,
        _ faults: inout Faults
    ) throws {
        var kept = OutcomeCounts()
        while walk.tallies.isAt(batch) {
            let outcome = walk.tallies.row.number(1).flatMap { UInt8(exactly: $0) } ?? 0
            guard let count = walk.tallies.row.number(2), outcome > 0, kept.add(count, to: outcome)
            else {
                faults.add("batch \(batch): a tally that does not read")
                try walk.tallies.pass()
                continue
            }
            try walk.tallies.pass()
        }
        for (code, jobs) in found.take() {
            if !walk.total.add(jobs, to: code) { faults.add("more jobs than can be counted") }
            let said = kept.take(code)
            if code > 0 && said != jobs {
                faults.add(
                    "batch \(batch): tally of outcome \(code) says \(said), there are \(jobs)")
            }
        }
        for (code, said) in kept.take() {
            faults.add("batch \(batch): tally of outcome \(code) says \(said), there are 0")
        }
    }

    /// - Parameter found: The jobs of all batches by outcome.
    private func verifyTotals(_ found: OutcomeCounts, _ faults: inout Faults) throws {
        var found = found
        var kept = OutcomeCounts()
        let totals = try connection.prepare("SELECT outcome, count FROM total")
        try totals.bind([])
        while try totals.step() {
            guard let outcome = totals.number(0), let count = totals.number(1),
                let code = UInt8(exactly: outcome), kept.add(count, to: code)
            else {
                faults.add("a total that does not read")
                continue
            }
        }
        for (code, jobs) in found.take() {
            let said = kept.take(code)
            if said != jobs {
                faults.add("the total of outcome \(code) says \(said), there are \(jobs)")
            }
        }
        for (code, said) in kept.take() {
            faults.add("the total of outcome \(code) says \(said), there are 0")
        }
    }

    private func verifyLeases(_ faults: inout Faults) throws {
        let count = try connection.int(
            """
            SELECT (SELECT count(*) FROM segment
                    WHERE runner_id IS NOT NULL AND runner_id NOT IN (SELECT id FROM runner))
                + (SELECT count(*) FROM retry
                    WHERE runner_id IS NOT NULL AND runner_id NOT IN (SELECT id FROM runner))
            """)
        if let count, count != 0 { faults.add("leases of no runner: \(count)") }
        if try schemaVersion() >= 12 {
            try self.count(
                [
                    (
                        "segments with more jobs put back than there are to do, or with no lease",
                        """
                        SELECT count(*) FROM segment WHERE returned < 0 OR returned > todo
                            OR returned > 0 AND runner_id IS NULL
                        """
                    )
                ], &faults)
        }
        guard try schemaVersion() >= 6 else { return }
        let misplaced = try connection.int(
            """
            SELECT (SELECT count(*) FROM span JOIN batch ON batch.id = batch_id
                    WHERE outcome = 0 AND span.priority <> batch.priority)
                + (SELECT count(*) FROM segment JOIN batch ON batch.id = batch_id
                    WHERE todo > 0 AND segment.priority <> batch.priority)
                + (SELECT count(*) FROM lane JOIN batch ON batch.id = batch_id
                    WHERE lane.priority <> batch.priority)
            """)
        if let misplaced, misplaced != 0 {
            faults.add("jobs with another priority than their batch: \(misplaced) places")
        }
    }

    /// Checks that each job of a list has a line, and that lanes count their blocks.
    private func verifyLists(_ faults: inout Faults) throws {
        let checks = [
            (
                "lines that do not meet end to end",
                """
                SELECT count(*) FROM (
                    SELECT first, lag(first + count, 1, 0) OVER (
                        PARTITION BY batch_id ORDER BY first) AS before
                    FROM line WHERE \(Self.hasBatchOrStray))
                WHERE first <> before
                """
            ),
            (
                "lists with more or fewer lines than jobs",
                """
                SELECT count(*) FROM batch WHERE kind = 'list' AND count <>
                    (SELECT coalesce(sum(count), 0) FROM line WHERE batch_id = batch.id)
                """
            ),
            (
                "blocks that are not as their lines",
                """
                SELECT count(*) FROM (
                    SELECT batch_id, first, count, lane FROM block
                    EXCEPT SELECT batch_id, first, count, lane FROM line)
                """
            ),
            (
                "lanes that do not count their blocks",
                """
                SELECT count(*) FROM (
                    SELECT batch_id, lane, sum(count) AS jobs FROM block
                    WHERE \(Self.hasBatchOrStray) GROUP BY batch_id, lane
                    EXCEPT SELECT batch_id, lane, jobs FROM lane)
                """
            ),
            (
                "lanes without blocks",
                """
                SELECT count(*) FROM (
                    SELECT batch_id, lane FROM lane WHERE \(Self.hasBatchOrStray)
                    EXCEPT SELECT batch_id, lane FROM block)
                """
            ),
        ]
        let ofStreams = [
            (
                "lists with more jobs than lines that were taken",
                """
                SELECT count(*) FROM import JOIN batch ON batch.id = batch_id
                WHERE records < batch.count OR lines < 0 OR bytes < 0
                """
            )
        ]
        try count(checks + (try keepsStreams() ? ofStreams : []), &faults)
    }

    /// Adds a fault for each check that finds rows.
    ///
    /// - Parameter checks: The name of what is wrong, and the SQL that counts it.
    private func count(_ checks: [(String, String)], _ faults: inout Faults) throws {
        for (what, sql) in checks {
            let count = try connection.int(sql) ?? 0
            if count != 0 { faults.add("\(what): \(count)") }
        }
    }

    private func rows(_ sql: String) throws -> BatchRows {
        try BatchRows(try connection.prepare(sql))
    }
}

/// The faults found, a sentence each. The first sentences are kept and the rest counted, since a
/// file may be wrong in each row.
private struct Faults {
    private static let sentencesMax = 1000
    private var kept: [String] = []
    private var more = 0

    mutating func add(_ sentence: @autoclosure () -> String) {
        if kept.count < Self.sentencesMax { kept.append(sentence()) } else { more += 1 }
    }

    var sentences: [String] { more == 0 ? kept : kept + ["and \(more) more faults"] }
}

/// A span or segment whose row could be read.
private struct Piece {
    let jobs: Range<Int>
    /// Whether the jobs are all alike, as those of a span or of a block are.
    let isSpan: Bool
    /// Whether neighbours that are alike are one row.
    let isMergeable: Bool
    /// The outcome of a span's jobs, or the number of a segment's jobs to do.
    let value: Int

    /// - Parameter row: A row of the batch, the first job, the number of jobs, 0 for a span, 1 for
    ///   a segment or 2 for a block, and the value.
    init?(_ row: borrowing Statement) {
        guard let first = row.number(1), let count = row.number(2), first >= 0, count >= 1,
            count <= Int.max - first, let value = row.number(4)
        else { return nil }
        jobs = first..<first + count
        isSpan = row.int(3) != 1
        isMergeable = row.int(3) == 0
        self.value = value
    }
}

/// A walk over the spans, segments, tallies and retries of batches, in the order of batches.
private struct BatchWalk: ~Copyable {
    /// The number of rows that belong to no batch or, of retries, to no segment.
    struct Strays {
        var spans = 0
        var segments = 0
        var tallies = 0
        var retries = 0
    }

    /// The rows of spans and segments.
    var pieces: BatchRows
    var tallies: BatchRows
    var retries: BatchRows
    private(set) var strays = Strays()
    /// The jobs of the batches passed so far, by outcome.
    var total = OutcomeCounts()

    init(
        pieces: consuming BatchRows, tallies: consuming BatchRows, retries: consuming BatchRows
    ) {
        self.pieces = pieces
        self.tallies = tallies
        self.retries = retries
    }

    /// Passes the remaining rows of batches before `batch`, or all remaining rows when `batch` is
    /// `nil`, and counts them as strays.
    mutating func passStrays(before batch: Int?) throws {
        while pieces.isBefore(batch) {
            if pieces.row.int(3) != 1 { strays.spans += 1 } else { strays.segments += 1 }
            try pieces.pass()
        }
        while tallies.isBefore(batch) {
            strays.tallies += 1
            try tallies.pass()
        }
        while retries.isBefore(batch) {
            strays.retries += 1
            try retries.pass()
        }
    }

    /// Passes the retries up to the end of a segment.
    ///
    /// - Returns: The positions of the retries in the segment, in order.
    mutating func passRetries(of segment: Range<Int>, in batch: Int) throws -> [Int] {
        var positions: [Int] = []
        while retries.isAt(batch) {
            let position = retries.row.number(1)
            if let position, position >= segment.upperBound { break }
            if let position, segment.contains(position), positions.count < segment.count {
                positions.append(position)
            } else {
                strays.retries += 1
            }
            try retries.pass()
        }
        return positions
    }
}

/// Rows in the order of their batches, read one after another. The first column is the ID of the
/// batch.
private struct BatchRows: ~Copyable {
    /// The statement, at its current row if there is one.
    let row: Statement
    private var hasRow = false

    init(_ rows: consuming Statement) throws {
        row = rows
        try row.bind([])
        try pass()
    }

    mutating func pass() throws { hasRow = try row.step() }

    func isAt(_ batch: Int) -> Bool { hasRow && row.number(0) == batch }

    /// Whether the current row is of a batch before `batch`, or has no number as its batch. `nil`
    /// comes after all batches.
    func isBefore(_ batch: Int?) -> Bool {
        guard hasRow else { return false }
        guard let batch, let its = row.number(0) else { return true }
        return its < batch
    }
}
