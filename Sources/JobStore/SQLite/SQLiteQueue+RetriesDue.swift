extension SQLiteQueue {
    public func retriesDue(in periods: Int, of length: Duration) throws(QueueError) -> [Int] {
        let (nowMicros, lengthMicros) = (unixMicros(), max(1, length.microseconds))
        return try read {
            var counts = [Int](repeating: 0, count: periods)
            // A retry further ahead than any is given one was written before the clock was set
            // back, and is due.
            let rows = try connection.prepare(
                """
                SELECT CASE WHEN not_before_us > ?1 + ?4 THEN 0
                    ELSE (max(not_before_us, ?1) - ?1) / ?2 END AS period, count(*)
                FROM retry WHERE runner_id IS NULL AND period < ?3 GROUP BY period
                """)
            try rows.bind([
                .int(nowMicros), .int(lengthMicros), .int(periods),
                .int(Retry.aheadMax.microseconds),
            ])
            while try rows.step() {
                let period = rows.int(0)
                if counts.indices.contains(period) { counts[period] += max(0, rows.int(1)) }
            }
            return counts
        }
    }
}
