/// The bytes that stand for outcomes: the part of the table `outcome` that was needed so far.
struct CodeBook {
    private var codes: [Outcome: UInt8] = [:]
    /// The outcome looked up last, since most outcomes are the same as the one before.
    private var last: (outcome: Outcome, code: UInt8)?
    private var states: [UInt8: Outcome.State] = [:]
    /// The outcomes by their codes.
    private var outcomes = [Outcome?](repeating: nil, count: 256)

    /// Drops all that was learnt; needed when a transaction that added codes was rolled back.
    mutating func forget() { self = CodeBook() }

    /// Returns the byte for `outcome`, which gets a row when it has none.
    mutating func code(
        for outcome: Outcome, in connection: borrowing Connection
    ) throws(SQLiteError) -> UInt8 {
        if let last, last.outcome == outcome { return last.code }
        if let code = codes[outcome] {
            last = (outcome, code)
            return code
        }
        let (state, status) = (outcome.state.rawValue, Int(outcome.status))
        let reason = outcome.storedReason
        // Codes 1 to 3 are set aside for what comes when all others are given.
        try connection.run(
            """
            INSERT INTO outcome (code, state, status, reason)
            SELECT max(code) + 1, ?1, ?2, ?3 FROM outcome
            HAVING max(code) < 255
                AND (?3 NOT LIKE 'handler:%' OR total(reason LIKE 'handler:%') < ?4)
            ON CONFLICT DO NOTHING
            """, .text(state), .int(status), .text(reason), .int(HandlerReason.storedMax))
        let known = try connection.int(
            "SELECT code FROM outcome WHERE state = ? AND status = ? AND reason = ?",
            .text(state), .int(status), .text(reason))
        let code =
            if let code = known.flatMap({ UInt8(exactly: $0) }) {
                code
            } else if outcome.handlerReason != nil {
                // Their number is bounded: what is beyond has no name.
                try self.code(for: Outcome(outcome.state, .handler), in: connection)
            } else {
                Self.other(outcome.state)
            }
        codes[outcome] = code
        states[code] = outcome.state
        return code
    }

    /// Returns the byte of jobs that were cancelled; `nil` where the migration found none to spare.
    mutating func cancelled(
        in connection: borrowing Connection
    ) throws(SQLiteError) -> UInt8? {
        if let code = codes[.cancelled] { return code }
        let code = try connection.int("SELECT code FROM outcome WHERE state = 'cancelled'")
        codes[.cancelled] = code.flatMap { UInt8(exactly: $0) }
        return codes[.cancelled]
    }

    /// Returns the state that a byte stands for; `nil` for 0 and for bytes without a row.
    mutating func state(
        of code: UInt8, in connection: borrowing Connection
    ) throws(SQLiteError) -> Outcome.State? {
        if code == 0 { return nil }
        if let state = states[code] { return state }
        let statement = try connection.prepare("SELECT state FROM outcome WHERE code = ?")
        try statement.bind([.int(Int(code))])
        guard try statement.step() else { return nil }
        let state = Outcome.State(rawValue: statement.text(0))
        states[code] = state
        return state
    }

    /// Returns the outcome that a byte stands for; `nil` for 0 and for bytes whose row is missing
    /// or unreadable.
    mutating func outcome(
        of code: UInt8, in connection: borrowing Connection
    ) throws(SQLiteError) -> Outcome? {
        // A code, once committed, means the same for ever.
        if let outcome = outcomes[Int(code)] { return outcome }
        let statement = try connection.prepare(
            "SELECT state, status, reason FROM outcome WHERE code = ?")
        try statement.bind([.int(Int(code))])
        guard try statement.step(), let state = Outcome.State(rawValue: statement.text(0)) else {
            return nil
        }
        let outcome = Outcome(state, status: statement.int(1), reason: statement.text(2))
        guard let outcome else { return nil }
        outcomes[Int(code)] = outcome
        return outcome
    }

    /// The code that the first migration sets aside for a state.
    private static func other(_ state: Outcome.State) -> UInt8 {
        switch state {
        case .completed: 1
        case .failed: 2
        case .retrying: 3
        case .cancelled: preconditionFailure("no attempt ends as cancelled")
        }
    }
}
