internal import JobStore

/// Giving back all that a runner held when it ends or is gone.
extension PostgresQueue {
    /// The jobs of a runner that was taken over.
    struct Rescue {
        /// The jobs that it held and had not marked, and that can be claimed again.
        var jobs = 0
        /// The runners that were taken over.
        var runners = 0
        /// The requests that it probably made for some of these.
        var requests = 0
    }

    /// Removes a runner, and gives back all that it held. From then on the runner records nothing:
    /// each of its commits locks its row, which is gone.
    ///
    /// - Parameter silentSince: The runner's last heartbeat, in µs, where the runner is taken for dead
    ///   because nothing was heard of it since; `nil` where it is gone for certain.
    /// - Returns: `nil` when there is no such runner, or something was heard of it.
    @discardableResult
    func takeOver(_ runner: Int, silentSince beatMicros: Int? = nil) throws(QueueError) -> Rescue? {
        var instance = ""
        let rescue: Rescue? = try change {
            if let beatMicros, try isHeardOf(runner, since: beatMicros) { return nil }
            // Waits for a commit in progress. What that one wrote is seen by the next statements.
            let gone = try link.query(
                """
                DELETE FROM runner.runner WHERE id = $1
                RETURNING site_id, workers, requests_per_s, instance
                """, .int(runner))
            guard gone.count == 1 else { return nil }
            let log = try RunnerLog.read(of: runner, link)
            var table = SegmentTable(try segments(of: runner))
            try log.apply(to: &table)
            var rescue = Rescue()
            var tally = TallyChange()
            var given = table.all
            let cancelled = try cancelledBatches(among: table.batches)
            for index in given.indices {
                let held = given[index].giveBack()
                if cancelled.contains(given[index].batchID) {
                    try given[index].cancel(&tally)
                } else {
                    rescue.jobs += held
                }
            }
            guard try SegmentRows.save(given, of: runner, to: 0, link) else {
                throw damaged("runner \(runner) lost a segment that it held")
            }
            try noteUnrecorded(runner, at: gone.int(0, 0))
            try settleTallies(of: runner)
            try SegmentRows.add(tally, of: 0, link)
            try SegmentRows.save(log.files, of: gone.int(0, 0), link)
            try link.query("DELETE FROM runner.log WHERE runner_id = $1", .int(runner))
            for table in ["claimed", "wish"] {
                try link.query("DELETE FROM runner.\(table) WHERE runner_id = $1", .int(runner))
            }
            // The requests in flight, and those of one commit interval, taken twice since a commit
            // takes time; before the first commit, a full one.
            let rate = gone.real(0, 2) ?? 0
            rescue.requests = gone.int(0, 1) + (rate > 0 ? Int(0.2 * rate) + 1 : 5000)
            instance = gone.text(0, 3)
            return rescue
        }
        // Only now: without the file, nobody would know that the runner is gone.
        if rescue != nil { RunnerLock.clear(instance: instance) }
        return rescue
    }

    /// The last heartbeat of a row of `runner`, in µs: of its log the newest row alone is read.
    static let lastBeat = """
        greatest(beat_us, (SELECT at_us FROM runner.log
            WHERE runner_id = runner.id AND NOT by_others ORDER BY seq DESC LIMIT 1))
        """

    /// Takes over all runners that are gone for certain.
    @discardableResult
    func takeOverGone(atMost limit: Int = .max) throws(QueueError) -> Rescue {
        var rescue = Rescue()
        let look = try ask { try lookAtRunners() }
        runnersSeen = look.count
        for runner in look.gone.prefix(limit) {
            guard let taken = try takeOver(runner) else { continue }
            rescue.jobs += taken.jobs
            rescue.runners += 1
            rescue.requests += taken.requests
        }
        return rescue
    }

    /// The time in µs between two looks of a runner for others, and the most that it takes over in
    /// one: it has to say that it lives itself in between.
    private static let watchPauseMicros = 5_000_000
    private static let takeOversMax = 4

    /// The time in µs between two looks of a runner at the processes of all others. Where there are
    /// many, others on this machine look, too.
    static func gonePauseMicros(runners: Int) -> Int {
        min(max(runners * 100_000, watchPauseMicros), 4 * watchPauseMicros)
    }

    private func lookForGone() throws(QueueError) {
        let now = SystemClock.monotonicMicros()
        guard now >= nextGoneLookMicros else { return }
        let taken = try takeOverGone(atMost: Self.takeOversMax).runners
        // There may be more of them.
        nextGoneLookMicros =
            now
            + (taken < Self.takeOversMax
                ? Self.gonePauseMicros(runners: runnersSeen) : Self.watchPauseMicros)
    }

    /// Looks, for a runner, for others that are gone, and takes them over: those whose process this
    /// machine knows to be gone at once, and where it is this runner's turn to watch, those that
    /// have not been heard of for a lease.
    func watchRunners(for runner: Int) throws(QueueError) {
        nextWatchMicros =
            SystemClock.monotonicMicros() + min(Self.watchPauseMicros, watch.leaseMicros)
        try lookForGone()
        var isWatching = false
        var beats: [Int: Int] = [:]
        let dead: [Int] = try ask {
            let turn = try link.query(
                """
                UPDATE runner.duty SET runner_id = $1, at = clock_timestamp()
                WHERE name = 'watch'
                    AND (runner_id = $1 OR at < clock_timestamp() - interval '15 s')
                """, .int(runner))
            guard turn.touched == 1 else { return [] }
            isWatching = true
            let rows = try link.query(
                """
                SELECT id, \(Self.lastBeat),
                    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
                FROM runner.runner WHERE id <> $1
                """, .int(runner))
            guard rows.count > 0 else { return [] }
            for row in 0..<rows.count { beats[rows.int(row, 0)] = rows.int(row, 1) }
            return watch.look(
                at: beats.map { ($0.key, $0.value) },
                serverMicros: rows.int(0, 2), monotonicMicros: SystemClock.monotonicMicros(),
                connectedSinceMicros: link.connectedSinceMicros)
        }
        for runner in dead.prefix(Self.takeOversMax) {
            try takeOver(runner, silentSince: beats[runner])
        }
        let nowMicros = SystemClock.monotonicMicros()
        guard isWatching, nowMicros >= nextMeltMicros else { return }
        nextMeltMicros = nowMicros + Self.meltPauseMicros
        try melt()
    }

    /// Whether there is a newer heartbeat of a runner than the one that was seen: its last commit has
    /// told it that it may go on.
    private func isHeardOf(_ runner: Int, since beatMicros: Int) throws -> Bool {
        // Waits for a commit in progress; the statement after it sees what that one wrote.
        try link.query("SELECT FROM runner.runner WHERE id = $1 FOR UPDATE", .int(runner))
        return try link.query(
            """
            SELECT FROM runner.runner WHERE id = $1 AND \(Self.lastBeat) > $2
            """, .int(runner), .int(beatMicros)
        ).count == 1
    }

    /// The time in µs between two parts of the queue that are melted.
    private static let meltPauseMicros = 30_000_000

    func segments(of runner: Int, where condition: String = "true") throws -> [HeldSegment] {
        let rows = try link.query(
            """
            SELECT \(SegmentRows.columns) FROM runner.segment
            WHERE runner_id = $1 AND \(condition) ORDER BY batch_id, first
            """, .int(runner))
        return try (0..<rows.count).map { try SegmentRows.segment(in: rows, at: $0) }
    }

    /// Those of some batches that were cancelled.
    func cancelledBatches(among batches: Set<Batch.ID>) throws -> Set<Batch.ID> {
        guard !batches.isEmpty else { return [] }
        let rows = try link.query(
            """
            SELECT id FROM runner.batch
            WHERE id = ANY($1::bigint[]) AND cancelled_us IS NOT NULL
            """, .ints(batches.sorted()))
        return Set((0..<rows.count).map { rows.int($0, 0) })
    }

    /// Moves the numbers of a runner, with those that its log tells of, to those of nobody in
    /// particular.
    private func settleTallies(of runner: Int) throws {
        try link.query(
            """
            WITH gone AS (DELETE FROM runner.tally WHERE runner_id = $1
                RETURNING batch_id, outcome, count)
            INSERT INTO runner.tally AS t (batch_id, outcome, runner_id, count)
            SELECT batch_id, outcome, 0, sum(count) FROM (
                SELECT batch_id, outcome, count FROM gone
                UNION ALL
                SELECT b, c, n FROM runner.log, unnest(batch_ids, codes, counts) AS u(b, c, n)
                WHERE runner_id = $1 AND c BETWEEN 1 AND 255) AS parts
            GROUP BY batch_id, outcome
            ON CONFLICT (batch_id, outcome, runner_id) DO UPDATE SET count = t.count + excluded.count
            """, .int(runner))
        try link.query(
            """
            WITH gone AS (DELETE FROM runner.total WHERE runner_id = $1 RETURNING outcome, count)
            INSERT INTO runner.total AS t (outcome, runner_id, count)
            SELECT outcome, 0, sum(count) FROM (
                SELECT outcome, count FROM gone
                UNION ALL
                SELECT c, n FROM runner.log, unnest(codes, counts) AS u(c, n)
                WHERE runner_id = $1 AND c BETWEEN 1 AND 255) AS parts
            GROUP BY outcome
            ON CONFLICT (outcome, runner_id) DO UPDATE SET count = t.count + excluded.count
            """, .int(runner))
    }
}

extension HeldSegment {
    /// Gives all jobs without a final outcome that of cancelled ones.
    mutating func cancel(_ tally: inout TallyChange) throws(Misfit) {
        for offset in codes.indices where codes[offset] == 0 || retries[offset] != nil {
            try apply(.ended(CodeBook.cancelled), at: first + offset, atMicros: 0, &tally)
        }
    }
}
