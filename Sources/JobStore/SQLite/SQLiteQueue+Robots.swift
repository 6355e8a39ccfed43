extension SQLiteQueue {
    public func robots(of origin: String) throws(QueueError) -> RobotsRecord? {
        try read {
            // One that was written by an earlier version has none.
            guard try schemaVersion() >= 11 else { return nil }
            let row = try connection.prepare(
                "SELECT expires_us, status, body FROM robots WHERE origin = ?")
            try row.bind([.text(origin)])
            guard try row.step() else { return nil }
            let (lifeMicros, isTooMuch) = row.int(0).subtractingReportingOverflow(unixMicros())
            // Further ahead, it was written before the clock was set back.
            guard !isTooMuch, 1...RobotsRecord.lifetimeMax.microseconds ~= lifeMicros else {
                return nil
            }
            return RobotsRecord(
                origin: origin, status: row.int(1), body: row.blob(2),
                lifetime: .microseconds(lifeMicros))
        }
    }

    // What has run out stays until its origin is asked again: there is a row for each origin at most.
    public func keep(_ robots: [RobotsRecord]) throws(QueueError) {
        try write {
            let nowMicros = unixMicros()
            for record in robots {
                let life = max(.zero, min(record.lifetime, RobotsRecord.lifetimeMax))
                try connection.run(
                    """
                    INSERT OR REPLACE INTO robots (origin, expires_us, status, body)
                    VALUES (?, ?, ?, ?)
                    """,
                    .text(record.origin), .int(nowMicros + life.microseconds), .int(record.status),
                    .blob(record.body))
            }
        }
    }
}
