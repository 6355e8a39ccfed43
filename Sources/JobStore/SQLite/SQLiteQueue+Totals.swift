extension SQLiteQueue {
    /// Adds `change`, which may be negative, to the total of an outcome's code over all batches.
    /// Code 0 means no outcome yet.
    func add(_ change: Int, toTotalOf code: UInt8) throws {
        if change > 0 {
            try connection.run(
                """
                INSERT INTO total (outcome, count) VALUES (?, ?)
                ON CONFLICT (outcome) DO UPDATE SET count = count + excluded.count
                """,
                .int(Int(code)), .int(change))
        } else {
            // Not an upsert: its new row would have to pass the CHECK.
            try connection.run(
                "UPDATE total SET count = count + ? WHERE outcome = ?",
                .int(change), .int(Int(code)))
        }
    }

    /// Returns the number of all jobs of the queue.
    ///
    /// - Throws: `QueueError` `.damaged` when a total is negative or the sum overflows.
    func jobCount() throws -> Int {
        let totals = try connection.prepare("SELECT outcome, count FROM \(try totals())")
        try totals.bind([])
        var sum = 0
        while try totals.step() {
            let (more, isTooLarge) = sum.addingReportingOverflow(totals.int(1))
            guard totals.int(1) >= 0, !isTooLarge else {
                throw damaged("it counts \(totals.int(1)) jobs of outcome \(totals.int(0))")
            }
            sum = more
        }
        return sum
    }

    /// The text after FROM with which a query reads `outcome` and `count`; outcome 0 means no
    /// outcome yet.
    func totals() throws -> String {
        // A queue opened for reading is not migrated: then all tallies are added up.
        try schemaVersion() >= 3
            ? "total"
            : """
            (SELECT outcome, sum(count) AS count FROM tally GROUP BY outcome
            UNION ALL
            SELECT 0, (SELECT coalesce(sum(count), 0) FROM batch)
                - (SELECT coalesce(sum(count), 0) FROM tally))
            """
    }

    /// The version of the file's schema; a queue opened for reading may have an older one.
    func schemaVersion() throws -> Int { try connection.int("PRAGMA user_version") ?? 0 }
}
