public import JobStore

extension PostgresQueue {
    /// The numbers of jobs by code: as in the table `outcome`, and those of `TallyChange.Kind`.
    typealias Numbers = [Int: Int]

    public func counts(of batch: Batch.ID?) throws(QueueError) -> QueueCounts {
        try read {
            let (runs, gone) = try liveRuns()
            guard let batch else {
                let jobs = try link.query("SELECT jobs FROM runner.control").int(0, 0)
                return try counts(try numbersOfAll(gone: gone), total: jobs, runs: runs)
            }
            let numbers = try numbers(in: batch...batch, gone: gone)[batch] ?? [:]
            let total = try link.query(
                "SELECT coalesce(max(count), 0) FROM runner.batch WHERE id = $1", .int(batch))
            return try counts(numbers, total: total.int(0, 0), runs: runs)
        }
    }

    /// - Parameter runs: The live runners.
    func counts(
        _ numbers: Numbers, total: Int, runs: [QueueCounts.LiveRun]
    ) throws -> QueueCounts {
        let tried = numbers[TallyChange.Kind.tried.code] ?? 0
        var outcomes: [Outcome: Int] = [:]
        for (code, count) in numbers where 1...255 ~= code && count != 0 {
            outcomes[try outcome(ofCode: UInt8(code)), default: 0] += count
        }
        let held = numbers[TallyChange.Kind.held.code] ?? 0
        return QueueCounts(
            total: total, running: held + tried, retriesRunning: tried, outcomes: [], runs: runs
        ).adding(outcomes)
    }

    /// The outcome of a code.
    ///
    /// - Throws: `.damaged` when the table `outcome` does not explain it.
    func outcome(ofCode code: UInt8) throws -> Outcome {
        if let known = codes.outcome(of: code) { return known }
        try codes.read(link)
        guard let outcome = codes.outcome(of: code) else {
            throw damaged("jobs have outcome \(code), which the table outcome does not explain")
        }
        return outcome
    }

    /// The sums of the first numbers of rows that have the same codes: most rows have few, and the
    /// same, and this takes two thirds of the time of adding up each number of each row.
    private static let logSums = (1...6).map { "sum(counts[\($0)]) AS n\($0)" }
        .joined(separator: ", ")

    /// The numbers over all batches.
    func numbersOfAll(gone: [Int]) throws -> Numbers {
        let rows = try link.query(
            """
            SELECT code, sum(n) FROM (
                SELECT outcome AS code, count AS n FROM runner.total
                UNION ALL
                SELECT c, n FROM (
                    SELECT codes, runner_id = ANY($1::bigint[]) AS is_gone, \(Self.logSums)
                    FROM runner.log WHERE cardinality(codes) <= 6 GROUP BY 1, 2) AS log,
                    unnest(codes, ARRAY[n1, n2, n3, n4, n5, n6]) AS u(c, n)
                WHERE c BETWEEN 1 AND 255 OR NOT is_gone
                UNION ALL
                SELECT c, n FROM runner.log, unnest(codes, counts) AS u(c, n)
                WHERE cardinality(codes) > 6
                    AND (c BETWEEN 1 AND 255 OR runner_id <> ALL($1::bigint[]))
                UNION ALL
                SELECT c, n FROM (
                    SELECT sum(todo) AS todo, sum(tried) AS tried FROM runner.segment
                    WHERE runner_id > 0 AND runner_id <> ALL($1::bigint[])) AS held,
                    LATERAL (VALUES (0, todo), (256, tried)) AS u(c, n)
            ) AS parts WHERE code IS NOT NULL GROUP BY code
            """, .ints(gone))
        return Dictionary(
            uniqueKeysWithValues: (0..<rows.count).map { (rows.int($0, 0), rows.int($0, 1)) })
    }

    /// The numbers of each of some batches.
    ///
    /// - Parameter gone: Runners that are gone: what they hold is nobody's.
    func numbers(
        in window: ClosedRange<Batch.ID>, gone: [Int]
    ) throws -> [Batch.ID: Numbers] {
        let rows = try link.query(
            """
            SELECT batch_id, code, sum(n) FROM (
                SELECT batch_id, outcome AS code, count AS n FROM runner.tally
                WHERE batch_id BETWEEN $1 AND $2
                UNION ALL
                SELECT b, c, n FROM runner.log, unnest(batch_ids, codes, counts) AS u(b, c, n)
                WHERE b BETWEEN $1 AND $2
                    AND (c BETWEEN 1 AND 255 OR runner_id <> ALL($3::bigint[]))
                UNION ALL
                SELECT batch_id, c, n
                FROM runner.segment, LATERAL (VALUES (0, todo), (256, tried)) AS u(c, n)
                WHERE batch_id BETWEEN $1 AND $2
                    AND runner_id > 0 AND runner_id <> ALL($3::bigint[])
            ) AS parts GROUP BY batch_id, code
            """, .int(window.lowerBound), .int(window.upperBound), .ints(gone))
        var numbers: [Batch.ID: Numbers] = [:]
        for row in 0..<rows.count {
            numbers[rows.int(row, 0), default: [:]][rows.int(row, 1)] = rows.int(row, 2)
        }
        return numbers
    }

    // MARK: - Runners

    /// The runners whose process is gone for certain, as far as this machine can tell.
    func goneRunners() throws -> [Int] { try lookAtRunners().gone }

    /// - Returns: The runners whose process is gone for certain, and the number of all.
    func lookAtRunners() throws -> (gone: [Int], count: Int) {
        let rows = try link.query("SELECT id, instance FROM runner.runner")
        let gone = RunnerLock.gone(among: (0..<rows.count).map { rows.text($0, 1) })
        return (gone.map { rows.int($0, 0) }, rows.count)
    }

    /// - Returns: The live runners, and those whose process is gone.
    private func liveRuns() throws -> (runs: [QueueCounts.LiveRun], gone: [Int]) {
        let rows = try link.query(
            """
            SELECT r.id, r.pid, r.host, r.workers, r.started_us,
                \(clock.sql) - coalesce(l.at_us, r.beat_us),
                coalesce(l.requests_per_s, r.requests_per_s), coalesce(l.trouble, r.trouble),
                coalesce(m.measures, r.measures), r.wishes_taken, r.instance
            FROM runner.runner r
                LEFT JOIN LATERAL (
                    SELECT at_us, requests_per_s, trouble FROM runner.log
                    WHERE runner_id = r.id AND NOT by_others ORDER BY seq DESC LIMIT 1) l ON true
                LEFT JOIN (
                    SELECT runner_id, max(seq) AS seq FROM runner.log WHERE measures IS NOT NULL
                    GROUP BY runner_id) AS measured ON measured.runner_id = r.id
                LEFT JOIN runner.log m
                    ON m.runner_id = measured.runner_id AND m.seq = measured.seq
            ORDER BY r.id DESC
            """)
        let gone = Set(RunnerLock.gone(among: (0..<rows.count).map { rows.text($0, 10) }))
        let wishes = try wishes()
        let runs = (0..<rows.count).filter { !gone.contains($0) }.map { row in
            let ageMicros = rows.int(row, 5)
            // A rate of more than ten seconds ago is nobody's rate: the run waits for something.
            let isRecent = ageMicros <= 10_000_000
            return QueueCounts.LiveRun(
                id: rows.int(row, 0), pid: rows.int(row, 1), host: rows.text(row, 2),
                workers: rows.int(row, 3), startedAtMicros: rows.int(row, 4),
                heartbeatAge: .microseconds(max(0, ageMicros)),
                requestsPerSecond: isRecent ? rows.real(row, 6) ?? 0 : 0,
                trouble: isRecent && !rows.text(row, 7).isEmpty ? rows.text(row, 7) : nil,
                measures: rows.text(row, 8).isEmpty ? nil : rows.text(row, 8),
                steering: wishes[rows.int(row, 0)] ?? Steering(), wishTaken: rows.int(row, 9))
        }
        return (runs, gone.map { rows.int($0, 0) })
    }

    /// The limits that each runner is asked for.
    private func wishes() throws -> [Int: Steering] {
        let rows = try link.query("SELECT runner_id, name, value, number FROM runner.wish")
        var wishes: [Int: Steering] = [:]
        for row in 0..<rows.count {
            let before = wishes[rows.int(row, 0)] ?? Steering()
            wishes[rows.int(row, 0)] = Steering(
                limits: before.limits.merging([rows.text(row, 1): rows.text(row, 2)]) { $1 },
                wish: max(before.wish, rows.int(row, 3)))
        }
        return wishes
    }

    public func retriesDue(in periods: Int, of length: Duration) throws(QueueError) -> [Int] {
        // Runners keep their retries in memory and in bytes: telling would take a look at all.
        []
    }
}
