/// Copies what a queue holds to others: all of it to one that is merged, parts of it to
/// shards.
extension SQLiteQueue {
    /// Tells a draft what the codes of the jobs stand for that are added next.
    func copyOutcomes(to draft: QueueDraft, areKept: Bool) throws {
        let rows = try connection.prepare(
            "SELECT code, state, status, reason FROM outcome ORDER BY code")
        try rows.bind([])
        var outcomes: [QueueDraft.OutcomeRow] = []
        while try rows.step() {
            guard let code = rows.number(0).flatMap({ UInt8(exactly: $0) }), code > 0,
                let state = Outcome.State(rawValue: rows.text(1))
            else { throw damaged("an outcome cannot be read") }
            outcomes.append(
                .init(code: code, state: state, status: rows.int(2), reason: rows.text(3)))
        }
        try draft.learn(outcomes, areKept: areKept)
    }

    /// Copies jobs of a batch to the batch that a draft has begun, with their retries and lines.
    func copyJobs(of batch: Batch, in positions: Range<Int>, to draft: QueueDraft) throws {
        try forEachPiece(of: batch, in: positions) { piece in
            guard try draft.add(piece) else {
                throw damaged(
                    "batch \(batch.id) has jobs at \(piece.positions) with an outcome that the table outcome does not explain"
                )
            }
        }
        let retries = try connection.prepare(
            """
            SELECT position, attempts, not_before_us, excused, since_us FROM retry
            WHERE batch_id = ? AND position >= ? AND position < ?
            """)
        try retries.bind([
            .int(batch.id), .int(positions.lowerBound), .int(positions.upperBound),
        ])
        while try retries.step() {
            try draft.addRetry(at: retries.int(0), (1...4).map { retries.value($0) })
        }
        if case .list = batch.source { try copyLines(of: batch, in: positions, to: draft) }
        guard try draft.end() else {
            throw damaged("the retries of batch \(batch.id) are not those of its jobs")
        }
    }

    private func copyLines(
        of batch: Batch, in positions: Range<Int>, to draft: QueueDraft
    ) throws {
        let first = try connection.int(
            "SELECT max(first) FROM line WHERE batch_id = ? AND first <= ?", .int(batch.id),
            .int(positions.lowerBound))
        let rows = try connection.prepare(
            "SELECT first FROM line WHERE batch_id = ? AND first >= ? ORDER BY first")
        try rows.bind([.int(batch.id), .int(first ?? 0)])
        var end = positions.lowerBound
        while end < positions.upperBound {
            guard try rows.step(), rows.int(0) <= end,
                let block = try block(startingAt: rows.int(0), of: batch),
                block.positions.contains(end)
            else { throw lineless(end, of: batch.id) }
            guard let part = block.part(block.positions.clamped(to: positions)) else {
                throw damaged("the lines of jobs \(block.positions) of batch \(batch.id)")
            }
            try draft.addLines(part)
            end = block.positions.upperBound
        }
    }

    /// Refuses a queue in which something is half done that would not be gone on with elsewhere: a
    /// list of which some is a batch already, jobs that are being put back, or an output folder that
    /// is being forgotten.
    func checkNothingIsHalfDone() throws {
        let list = try connection.int(
            "SELECT min(batch_id) FROM import WHERE batch_id IN (SELECT id FROM batch)")
        if let list {
            throw QueueError(
                .inUse,
                "the list of batch \(list) of the queue \(path) is not complete; go on with it, or cancel the batch"
            )
        }
        let isPuttingBack = try connection.int(
            "SELECT EXISTS (SELECT * FROM put_back WHERE next_batch_id IS NOT NULL)")
        if isPuttingBack == 1 {
            throw QueueError(
                .inUse,
                "jobs of the queue \(path) are being put back; wait for that, or let runner retry go on with it"
            )
        }
        if let forgetting = try forgettingUnderWay(), forgetting.hasPutBack {
            throw forgetting.unfinished(in: path)
        }
    }

    /// Copies what belongs to no batch: choices, hosts' paces and robots.txt.
    ///
    /// - Parameter share: The part of each host's rate that the draft gets: of what several machines
    ///   ask for at a time, each one's.
    func copyChoices(to draft: QueueDraft, share: Double) throws {
        let copies = [
            (
                // The courses of runs (`runner report`) stay with the file of these runs.
                """
                SELECT name, value FROM setting
                WHERE name NOT IN ('courses', 'last_batch', '\(SiteForgetting.name)')
                    AND name NOT GLOB 'course [0-9]*'
                """,
                "INSERT OR IGNORE INTO setting (name, value) VALUES (?, ?)"
            ),
            (
                "SELECT origin, expires_us, status, body FROM robots",
                """
                INSERT INTO robots (origin, expires_us, status, body) VALUES (?, ?, ?, ?)
                ON CONFLICT (origin) DO UPDATE SET expires_us = excluded.expires_us,
                    status = excluded.status, body = excluded.body
                WHERE excluded.expires_us > robots.expires_us
                """
            ),
            (
                "SELECT name, not_before_us, rate * \(share), seen_us FROM host",
                """
                INSERT INTO host (name, not_before_us, rate, seen_us) VALUES (?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET rate = rate + excluded.rate,
                    not_before_us = max(not_before_us, excluded.not_before_us),
                    seen_us = max(seen_us, excluded.seen_us)
                """
            ),
        ]
        for (select, insert) in copies {
            let rows = try connection.prepare(select)
            try rows.bind([])
            while try rows.step() {
                let values = (0..<rows.columnCount).map { rows.value($0) }
                try draft.write { connection throws(SQLiteError) in
                    let row = try connection.prepare(insert)
                    try row.bind(values)
                    while try row.step() {}
                }
            }
        }
    }
}

// MARK: - Batches

/// The row of a batch.
struct BatchRow {
    let batch: Batch
    /// `nil` for a batch that is whole.
    let whole: SQLiteQueue.WholeBatch?
    let priority: Int
    let supersededMax: Int
    let createdAtMicros: Int
    let cancelledAtMicros: Int?
    /// The columns of `BatchRow.sharedColumns`: what pieces of one batch have in common.
    let shared: [Value]

    static let sharedColumns = [
        "kind", "url", "method", "headers", "body", "options", "enqueue_key", "name", "priority",
    ]

    /// The ID of the first job of the whole batch.
    var firstIDOfWhole: Int { batch.ids.first - (whole?.first ?? 0) * batch.ids.step }
}

extension SQLiteQueue {
    /// Calls a function with each batch, by rising ID.
    func forEachBatch(_ body: (BatchRow) throws -> Void) throws {
        let next = Self.batchColumnCount
        let rows = try connection.prepare(
            """
            SELECT \(Self.batchColumns), superseded_max, created_at_us, cancelled_at_us, priority,
                \(BatchRow.sharedColumns.joined(separator: ", "))
            FROM batch ORDER BY id
            """)
        try rows.bind([])
        while try rows.step() {
            let batch = try batch(in: rows)
            try body(
                BatchRow(
                    batch: batch, whole: try whole(of: batch), priority: rows.int(next + 3),
                    supersededMax: max(0, rows.int(next)), createdAtMicros: rows.int(next + 1),
                    cancelledAtMicros: rows.isNull(next + 2) ? nil : rows.int(next + 2),
                    shared: (next + 4..<rows.columnCount).map { rows.value($0) }))
        }
    }
}

extension QueueDraft {
    /// Inserts the row of a batch.
    ///
    /// - Parameters:
    ///   - positions: The positions of its jobs in the batch of `row`.
    ///   - whole: The larger batch that it is a piece of; `nil` when it is whole.
    func insert(
        _ row: BatchRow, _ positions: Range<Int>, of whole: SQLiteQueue.WholeBatch?,
        supersededMax: Int
    ) throws(QueueError) {
        try write { connection throws(SQLiteError) in
            let names = BatchRow.sharedColumns.joined(separator: ", ")
            let marks = BatchRow.sharedColumns.map { _ in "?" }.joined(separator: ", ")
            let insert = try connection.prepare(
                """
                INSERT INTO batch (id, first_id, count, created_at_us, cancelled_at_us, whole_first,
                    whole_count, superseded_max, \(names))
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, \(marks))
                """)
            try insert.bind(
                [
                    .int(row.batch.id), .int(row.batch.id(at: positions.lowerBound)),
                    .int(positions.count), .int(row.createdAtMicros),
                    row.cancelledAtMicros.map(Value.int) ?? .null,
                    whole.map { .int($0.first) } ?? .null, whole.map { .int($0.count) } ?? .null,
                    .int(supersededMax),
                ] + row.shared)
            while try insert.step() {}
        }
    }
}
