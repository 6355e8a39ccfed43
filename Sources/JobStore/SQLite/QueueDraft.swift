internal import Glibc

/// A queue while it is made from others: a file that nobody else knows, and that is worth nothing
/// before `finish`.
///
/// - Note: `@unchecked Sendable` holds since one call after the other uses it: who splits or merges
///   awaits each of them.
final class QueueDraft: @unchecked Sendable {
    private let path: String
    /// The queue's name for messages.
    private let name: String
    private var connection: Connection
    /// The codes of the queue that is read, as codes of this one; `nil` where it explains none.
    private(set) var codes = [UInt8?](repeating: nil, count: 256)
    /// The states that this queue's codes stand for.
    private(set) var states = [Outcome.State?](repeating: nil, count: 256)
    /// The batch that jobs are added to.
    var batch = DraftedBatch()

    /// Makes the file.
    ///
    /// - Throws: `.full`, `.readOnly`, `.io`.
    init(path: String, name: String) throws(QueueError) {
        self.path = path
        self.name = name
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Errno(errno).unmakable("the queue \(name)") }
        _ = close(descriptor)
        do {
            connection = try Connection(path: path, readOnly: false)
            // Nobody needs half of it, and all of it is synced at the end.
            try connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            try Migrator.makeTables(connection)
            try Migrator.makeShardTables(connection)
            try connection.execute("BEGIN IMMEDIATE")
        } catch {
            throw error.queueError(at: name)
        }
    }

    /// Runs statements on the draft.
    func write<Result>(
        _ body: (borrowing Connection) throws(SQLiteError) -> Result
    ) throws(QueueError) -> Result {
        do {
            return try body(connection)
        } catch {
            throw error.queueError(at: name)
        }
    }

    /// Makes the file whole and durable. Nothing may be called afterwards.
    func finish() throws(QueueError) {
        try write { connection throws(SQLiteError) in
            try connection.execute(
                """
                DELETE FROM total;
                INSERT INTO total (outcome, count)
                SELECT outcome, sum(count) FROM tally GROUP BY outcome;
                INSERT INTO total (outcome, count)
                SELECT 0, coalesce(sum(count), 0)
                    - (SELECT coalesce(sum(count), 0) FROM tally) FROM batch;
                COMMIT;
                PRAGMA journal_mode = WAL;
                """)
        }
        connection.close()
        do {
            try Errno.sync(path, O_RDONLY)
        } catch {
            throw error.unmakable("the queue \(name)")
        }
    }

    // MARK: - Outcomes

    /// An outcome as a row of the table has it.
    struct OutcomeRow {
        let code: UInt8
        let state: Outcome.State
        let status: Int
        let reason: String

        /// Whether a handler has named its reason.
        fileprivate var isNamed: Bool { reason.hasPrefix(HandlerReason.labelStart) }
    }

    /// Learns the outcomes of the queue that is read from now on.
    ///
    /// - Parameter areKept: Whether they keep their codes; else those that this queue knows already
    ///   have others.
    func learn(_ outcomes: [OutcomeRow], areKept: Bool) throws(QueueError) {
        codes = [UInt8?](repeating: nil, count: 256)
        try write { connection throws(SQLiteError) in
            if areKept { try connection.run("DELETE FROM outcome") }
            // First what is known without a handler: of handlers' names there may be too many.
            for outcome in outcomes.filter({ !$0.isNamed }) + outcomes.filter(\.isNamed) {
                let code =
                    areKept
                    ? try insert(outcome, connection) : try code(of: outcome, connection)
                codes[Int(outcome.code)] = code
                states[Int(code)] = outcome.state
            }
        }
        codes[0] = 0
    }

    private func insert(
        _ outcome: OutcomeRow, _ connection: borrowing Connection
    ) throws(SQLiteError) -> UInt8 {
        try connection.run(
            "INSERT INTO outcome (code, state, status, reason) VALUES (?, ?, ?, ?)",
            .int(Int(outcome.code)), .text(outcome.state.rawValue), .int(outcome.status),
            .text(outcome.reason))
        return outcome.code
    }

    private func code(
        of outcome: OutcomeRow, _ connection: borrowing Connection
    ) throws(SQLiteError) -> UInt8 {
        try connection.run(
            """
            INSERT INTO outcome (code, state, status, reason)
            SELECT max(code) + 1, ?1, ?2, ?3 FROM outcome
            HAVING max(code) < 255
                AND (?3 NOT LIKE 'handler:%' OR total(reason LIKE 'handler:%') < ?4)
            ON CONFLICT DO NOTHING
            """, .text(outcome.state.rawValue), .int(outcome.status), .text(outcome.reason),
            .int(HandlerReason.storedMax))
        let known = try connection.int(
            "SELECT code FROM outcome WHERE state = ?1 AND status = ?2 AND reason = ?3",
            .text(outcome.state.rawValue), .int(outcome.status), .text(outcome.reason))
        if let code = known.flatMap({ UInt8(exactly: $0) }) { return code }
        if outcome.isNamed {
            // Their number is bounded: what is beyond has no name.
            return try code(
                of: OutcomeRow(
                    code: outcome.code, state: outcome.state, status: outcome.status,
                    reason: Outcome.Reason.handler.rawValue), connection)
        }
        // Past the last code, what is set aside for its state: the lowest one.
        let other = try connection.int(
            "SELECT min(code) FROM outcome WHERE state = ?", .text(outcome.state.rawValue))
        return other.flatMap { UInt8(exactly: $0) } ?? 0
    }
}
