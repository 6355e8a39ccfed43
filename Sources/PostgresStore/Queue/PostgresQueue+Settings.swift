public import JobStore

/// Choices of people, and what runners learn of hosts.
extension PostgresQueue {
    public func setting(_ name: String) throws(QueueError) -> String? {
        try ask {
            let rows = try link.query(
                "SELECT value FROM runner.setting WHERE name = $1", .text(name))
            return rows.count == 0 ? nil : rows.text(0, 0)
        }
    }

    public func keep(_ value: String?, as name: String) throws(QueueError) {
        try change {
            if let value {
                try link.query(
                    """
                    INSERT INTO runner.setting (name, value) VALUES ($1, $2)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value
                    """, .text(name), .text(value))
            } else {
                try link.query("DELETE FROM runner.setting WHERE name = $1", .text(name))
            }
        }
    }

    // MARK: - Wishes

    public func ask(_ limits: [String: String], of runner: Int) throws(QueueError) -> Int? {
        guard try !ask({ try goneRunners() }).contains(runner) else { return nil }
        return try change {
            let known = try link.query(
                """
                SELECT (SELECT coalesce(max(number), 0) FROM runner.wish WHERE runner_id = $1)
                FROM runner.runner WHERE id = $1
                """, .int(runner))
            guard known.count == 1 else { return nil }
            let names = limits.keys.sorted()
            try link.query(
                """
                INSERT INTO runner.wish (runner_id, name, value, number)
                SELECT $1::bigint, n, v, $4::bigint FROM unnest($2::text[], $3::text[]) AS u(n, v)
                ON CONFLICT (runner_id, name)
                DO UPDATE SET value = excluded.value, number = excluded.number
                """,
                .int(runner), .texts(names), .texts(names.map { limits[$0] }),
                .int(known.int(0, 0) + 1))
            return known.int(0, 0) + 1
        }
    }

    /// The most limits that are read: far more than there are.
    private static let limitsMax = 64

    func steering(of runner: Int) throws(QueueError) -> Steering {
        try ask {
            let rows = try link.query(
                """
                SELECT EXISTS (SELECT FROM runner.setting WHERE name = $2), w.name, w.value, w.number
                FROM runner.runner r LEFT JOIN runner.wish w ON w.runner_id = r.id
                WHERE r.id = $1 LIMIT $3
                """, .int(runner), .text(Steering.pausedChoice), .int(Self.limitsMax))
            guard rows.count > 0 else { throw fenced("its runner is no longer registered") }
            var limits: [String: String] = [:]
            for row in 0..<rows.count where !rows.isNull(row, 1) {
                limits[rows.text(row, 1)] = rows.text(row, 2)
            }
            return Steering(
                isPaused: rows.bool(0, 0), limits: limits,
                wish: (0..<rows.count).map { rows.int($0, 3) }.max() ?? 0)
        }
    }

    func took(wish number: Int, by runner: Int) throws(QueueError) {
        let touched = try ask {
            try link.query(
                "UPDATE runner.runner SET wishes_taken = $2 WHERE id = $1", .int(runner),
                .int(number)
            ).touched
        }
        guard touched == 1 else { throw fenced("its runner is no longer registered") }
    }

    // MARK: - Hosts

    /// Keeps the paces of hosts; of those that are free nothing is kept.
    static func save(
        _ paces: [HostPace], at clock: StoreClock, _ link: Link
    ) throws(PostgresError) {
        // In one order, so that runners which tell of the same hosts wait for each other, and not
        // both.
        let last = Dictionary(paces.map { ($0.host, $0) }) { $1 }
        let kept = last.values.filter { !$0.isFree }.sorted { $0.host < $1.host }
        let free = last.values.filter(\.isFree).map(\.host).sorted()
        if !kept.isEmpty {
            try link.query(
                """
                INSERT INTO runner.host (name, not_before_us, rate, seen_us)
                SELECT n, now + w, r, now
                FROM (SELECT \(clock.sql)) AS clock (now),
                    unnest($1::text[], $2::bigint[], $3::float8[]) AS u(n, w, r)
                ON CONFLICT (name) DO UPDATE SET not_before_us = excluded.not_before_us,
                    rate = excluded.rate, seen_us = excluded.seen_us
                """,
                .texts(kept.map(\.host)),
                .ints(kept.map { max(.zero, min($0.wait, $0.waitMax)).microseconds }),
                .reals(kept.map(\.requestsPerSecond)))
        }
        if !free.isEmpty {
            try link.query("DELETE FROM runner.host WHERE name = ANY($1::text[])", .texts(free))
        }
    }

    /// The paces of hosts that were kept last; those that are too old are forgotten.
    func paces() throws(QueueError) -> [HostPace] {
        try ask {
            let now = clock.sql
            try link.query(
                "DELETE FROM runner.host WHERE seen_us < \(now) - $1",
                .int(HostPace.ageMax.microseconds))
            return try paces(
                in: try link.query(
                    """
                    SELECT name, not_before_us - \(now), rate FROM runner.host
                    ORDER BY seen_us DESC LIMIT $1
                    """, .int(HostPace.countMax)))
        }
    }

    public func hostsHeldBack(limit: Int) throws(QueueError) -> [HostPace] {
        try ask {
            let rows = try link.query(
                """
                SELECT name, wait, rate FROM (
                    SELECT name, greatest(not_before_us - now, 0) AS wait, rate
                    FROM runner.host, (SELECT \(clock.sql)) AS clock (now)
                    WHERE seen_us >= now - $1 AND name <> '*') AS paces
                WHERE wait > 0 OR rate IS NOT NULL
                ORDER BY wait DESC, rate NULLS LAST, name COLLATE "C" LIMIT $2
                """, .int(HostPace.ageMax.microseconds), .int(limit))
            return try paces(in: rows)
        }
    }

    /// The time for which a runner's word of a host is of late: some looks of the others.
    private static let lateMicros = 10_000_000

    /// The hosts that are to be left alone, of those of which runners have told of late: the latest,
    /// as many as a runner is told of when it attaches.
    func hostsHeldOfLate() throws(QueueError) -> [HostPace] {
        try ask {
            let now = clock.stableSQL
            return try paces(
                in: try link.query(
                    """
                    SELECT name, not_before_us - \(now), NULL::float8 FROM runner.host
                    WHERE seen_us >= \(now) - $1 AND not_before_us > \(now) AND name <> '*'
                    ORDER BY seen_us DESC LIMIT $2
                    """, .int(Self.lateMicros), .int(HostPace.countMax)))
        }
    }

    /// Reads the paces of hosts in rows of name, wait and rate.
    private func paces(in rows: Rows) throws -> [HostPace] {
        (0..<rows.count).map { row in
            let waitMax = HostPace.waitMax(of: rows.text(row, 0)).microseconds
            // Further ahead, it was written before the clock was set back.
            let wait = rows.int(row, 1) > waitMax ? 0 : max(0, rows.int(row, 1))
            return HostPace(
                host: rows.text(row, 0), wait: .microseconds(wait),
                requestsPerSecond: rows.real(row, 2).flatMap { $0.isFinite && $0 > 0 ? $0 : nil })
        }
    }

    // MARK: - robots.txt

    public func robots(of origin: String) throws(QueueError) -> RobotsRecord? {
        try ask {
            let rows = try link.query(
                """
                SELECT expires_us - \(clock.sql), status, body FROM runner.robots WHERE origin = $1
                """, .text(origin))
            // Further ahead, it was written before the clock was set back.
            guard rows.count == 1,
                1...RobotsRecord.lifetimeMax.microseconds ~= rows.int(0, 0)
            else { return nil }
            return RobotsRecord(
                origin: origin, status: rows.int(0, 1), body: rows.bytes(0, 2) ?? [],
                lifetime: .microseconds(rows.int(0, 0)))
        }
    }

    public func keep(_ robots: [RobotsRecord]) throws(QueueError) {
        let last = Dictionary(robots.map { ($0.origin, $0) }) { $1 }
        let kept = last.values.sorted { $0.origin < $1.origin }
        try rewrite {
            try link.query(
                """
                INSERT INTO runner.robots (origin, expires_us, status, body)
                SELECT o, l + \(clock.sql), s, b
                FROM unnest($1::text[], $2::bigint[], $3::int[], $4::bytea[]) AS u(o, l, s, b)
                ON CONFLICT (origin) DO UPDATE SET expires_us = excluded.expires_us,
                    status = excluded.status, body = excluded.body
                """,
                .texts(kept.map(\.origin)),
                .ints(
                    kept.map { max(.zero, min($0.lifetime, RobotsRecord.lifetimeMax)).microseconds }
                ),
                .ints(kept.map(\.status)), .blobs(kept.map(\.body)))
        }
    }
}
