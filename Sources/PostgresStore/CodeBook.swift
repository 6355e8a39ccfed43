internal import JobStore

/// The bytes that stand for outcomes: the part of the table `outcome` that was needed so far.
struct CodeBook {
    private var codes: [Outcome: UInt8] = [:]
    private var outcomes: [UInt8: Outcome] = [:]

    /// The code of jobs that were cancelled.
    static let cancelled: UInt8 = 4

    /// Returns the outcome that a code stands for; `nil` where none is known.
    func outcome(of code: UInt8) -> Outcome? { outcomes[code] }

    func state(of code: UInt8) -> Outcome.State? { outcomes[code]?.state }

    /// Returns the code of an outcome; `nil` where none is known.
    func code(for outcome: Outcome) -> UInt8? { codes[outcome] }

    /// Reads all codes. There are 255 at most.
    mutating func read(_ link: Link) throws(PostgresError) {
        let rows = try link.query("SELECT code, state, status, reason FROM runner.outcome")
        for row in 0..<rows.count {
            guard let code = UInt8(exactly: rows.int(row, 0)),
                let outcome = Self.outcome(
                    rows.text(row, 1), status: rows.int(row, 2), reason: rows.text(row, 3))
            else { continue }
            outcomes[code] = outcome
            // One whose name this process does not keep has the code of others, too.
            if outcome.storedReason == rows.text(row, 3) { codes[outcome] = code }
        }
    }

    private static func outcome(_ state: String, status: Int, reason: String) -> Outcome? {
        guard let state = Outcome.State(rawValue: state) else { return nil }
        return state == .cancelled ? .cancelled : Outcome(state, status: status, reason: reason)
    }

    /// Gives codes to outcomes that have none, and makes them known. Where no code is left, they get
    /// the one that is set aside for their state.
    mutating func learn(_ unknown: Set<Outcome>, _ link: Link) throws {
        try link.transaction {
            // Two runners must not give one number to two outcomes.
            try link.query("LOCK TABLE runner.outcome IN SHARE ROW EXCLUSIVE MODE")
            // Also what those count as that get no name, as there are too many.
            let unnamed = unknown.filter { $0.handlerReason != nil }.map {
                Outcome($0.state, .handler)
            }
            for outcome in unnamed + unknown {
                try link.query(
                    """
                    INSERT INTO runner.outcome (code, state, status, reason)
                    SELECT max(code) + 1, $1, $2, $3 FROM runner.outcome
                    HAVING max(code) < 255 AND ($3 NOT LIKE 'handler:%'
                        OR count(*) FILTER (WHERE reason LIKE 'handler:%') < $4)
                    ON CONFLICT DO NOTHING
                    """, .text(outcome.state.rawValue), .int(Int(outcome.status)),
                    .text(outcome.storedReason), .int(HandlerReason.storedMax))
            }
        }
        try read(link)
        for outcome in unknown where codes[outcome] == nil {
            let unnamed =
                outcome.handlerReason == nil ? nil : codes[Outcome(outcome.state, .handler)]
            codes[outcome] = unnamed ?? Self.other(outcome.state)
        }
    }

    /// The code that the schema sets aside for a state.
    private static func other(_ state: Outcome.State) -> UInt8 {
        switch state {
        case .completed: 1
        case .failed: 2
        case .retrying: 3
        case .cancelled: cancelled
        }
    }
}
