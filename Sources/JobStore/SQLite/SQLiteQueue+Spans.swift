extension SQLiteQueue {
    /// Inserts a run of jobs with the same outcome, and merges it with neighbours of that outcome
    /// into one row.
    ///
    /// - Parameter priority: The priority of the batch; it counts for available jobs alone.
    func insertSpan(
        batch: Int, first: Int, count: Int, outcome: UInt8, priority: Int = 0
    ) throws {
        var (first, count) = (first, count)
        if first > 0 {
            let left = try connection.prepare(
                """
                SELECT first, count, outcome FROM span
                WHERE batch_id = ? AND first < ? ORDER BY first DESC LIMIT 1
                """)
            try left.bind([.int(batch), .int(first)])
            if try left.step(), left.int(0) >= 0, left.int(1) == first - left.int(0),
                left.int(2) == Int(outcome)
            {
                first = left.int(0)
                count += left.int(1)
            }
        }
        let right = try connection.prepare(
            "SELECT count FROM span WHERE batch_id = ? AND first = ? AND outcome = ?")
        try right.bind([.int(batch), .int(first + count), .int(Int(outcome))])
        if try right.step() {
            let (sum, isTooLarge) = count.addingReportingOverflow(right.int(0))
            guard !isTooLarge else { throw damaged("batch \(batch) has too many jobs") }
            try connection.run(
                "DELETE FROM span WHERE batch_id = ? AND first = ?", .int(batch),
                .int(first + count))
            count = sum
        }
        try connection.run(
            """
            INSERT INTO span (batch_id, first, count, outcome, priority) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (batch_id, first) DO UPDATE SET count = excluded.count
            """,
            .int(batch), .int(first), .int(count), .int(Int(outcome)), .int(priority))
    }
}
