extension SQLiteQueue {
    /// Keeps the paces of hosts; of those that are free nothing is kept.
    func save(_ paces: [HostPace], at nowMicros: Int) throws {
        for pace in paces {
            guard !pace.isFree else {
                try connection.run("DELETE FROM host WHERE name = ?", .text(pace.host))
                continue
            }
            try connection.run(
                """
                INSERT OR REPLACE INTO host (name, not_before_us, rate, seen_us)
                VALUES (?, ?, ?, ?)
                """,
                .text(pace.host),
                .int(nowMicros + max(.zero, min(pace.wait, pace.waitMax)).microseconds),
                pace.requestsPerSecond.map { .real($0) } ?? .null, .int(nowMicros))
        }
    }

    /// Returns the paces of hosts that were kept last, and forgets those that are too old.
    func takePaces() throws(QueueError) -> [HostPace] {
        let nowMicros = unixMicros()
        let oldest = nowMicros - HostPace.ageMax.microseconds
        let isAnyOld = try read {
            try connection.int("SELECT 1 FROM host WHERE seen_us < ? LIMIT 1", .int(oldest)) != nil
        }
        if isAnyOld {
            _ = try write { try connection.run("DELETE FROM host WHERE seen_us < ?", .int(oldest)) }
        }
        return try read {
            let rows = try connection.prepare(
                """
                SELECT name, not_before_us, rate FROM host ORDER BY seen_us DESC LIMIT ?
                """)
            try rows.bind([.int(HostPace.countMax)])
            return try paces(in: rows, at: nowMicros)
        }
    }

    public func hostsHeldBack(limit: Int) throws(QueueError) -> [HostPace] {
        let nowMicros = unixMicros()
        return try read {
            // A queue that was written by an earlier version has no such table, or another one.
            guard try schemaVersion() >= 11 else { return [] }
            let rows = try connection.prepare(
                """
                SELECT name, not_before_us, rate FROM host
                WHERE seen_us >= ?1 AND (not_before_us > ?2 OR rate IS NOT NULL) AND name <> '*'
                ORDER BY max(not_before_us, ?2) DESC, rate IS NULL, rate, name LIMIT ?3
                """)
            try rows.bind([
                .int(nowMicros - HostPace.ageMax.microseconds), .int(nowMicros), .int(limit),
            ])
            return try paces(in: rows, at: nowMicros)
        }
    }

    /// Reads the paces of hosts in rows of name, time and rate.
    private func paces(in rows: borrowing Statement, at nowMicros: Int) throws -> [HostPace] {
        var paces: [HostPace] = []
        while try rows.step() {
            let rate = rows.isNull(2) ? nil : rows.real(2)
            paces.append(
                HostPace(
                    host: rows.text(0),
                    wait: Self.wait(
                        until: rows.int(1), from: nowMicros,
                        aheadMax: HostPace.waitMax(of: rows.text(0))),
                    requestsPerSecond: rate.flatMap { $0.isFinite && $0 > 0 ? $0 : nil }))
        }
        return paces
    }
}

extension SQLiteQueue {
    public func setting(_ name: String) throws(QueueError) -> String? {
        try read {
            // One that was written by an earlier version has none.
            guard try schemaVersion() >= 11 else { return nil }
            let row = try connection.prepare("SELECT value FROM setting WHERE name = ?")
            try row.bind([.text(name)])
            return try row.step() ? row.text(0) : nil
        }
    }

    public func keep(_ value: String?, as name: String) throws(QueueError) {
        _ = try write {
            if let value {
                try connection.run(
                    "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", .text(name),
                    .text(value))
            } else {
                try connection.run("DELETE FROM setting WHERE name = ?", .text(name))
            }
        }
    }
}
