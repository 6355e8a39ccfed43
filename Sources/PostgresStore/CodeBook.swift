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
            codes[outcome] = code
            outcomes[code] = outcome
        }
    }

    private static func outcome(_ state: String, status: Int, reason: String) -> Outcome? {
        guard let state = Outcome.State(rawValue: state) else { return nil }
        if state == .cancelled { return .cancelled }
        if let reason = Outcome.Reason(rawValue: reason) { return Outcome(state, reason) }
        guard reason.isEmpty, let status = UInt16(exactly: status) else { return nil }
        return Outcome(state, status: status)
    }

    /// Gives codes to outcomes that have none, and makes them known. Where no code is left, they get
    /// the one that is set aside for their state.
    mutating func learn(_ unknown: Set<Outcome>, _ link: Link) throws {
        try link.transaction {
            // Two runners must not give one number to two outcomes.
            try link.query("LOCK TABLE runner.outcome IN SHARE ROW EXCLUSIVE MODE")
            for outcome in unknown {
                try link.query(
                    """
                    INSERT INTO runner.outcome (code, state, status, reason)
                    SELECT max(code) + 1, $1, $2, $3 FROM runner.outcome HAVING max(code) < 255
                    ON CONFLICT DO NOTHING
                    """, .text(outcome.state.rawValue), .int(Int(outcome.status)),
                    .text(outcome.reason?.rawValue ?? ""))
            }
        }
        try read(link)
        for outcome in unknown where codes[outcome] == nil {
            codes[outcome] = Self.other(outcome.state)
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
