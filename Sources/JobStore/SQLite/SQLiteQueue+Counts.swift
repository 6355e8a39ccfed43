internal import Glibc

extension SQLiteQueue {
    public func counts(of batch: Batch.ID?) throws(QueueError) -> QueueCounts {
        // Asked before the snapshot: a runner that ends in between shows as ended.
        let isRunLive = isRunLive
        let isLive = isRunLive ?? false
        return try read {
            let total =
                try batch.map {
                    try connection.int("SELECT count FROM batch WHERE id = ?", .int($0)) ?? 0
                } ?? jobCount()
            let which = batch.map(Value.int) ?? .null
            var runs: [QueueCounts.LiveRun] = []
            var (held, retriesRunning) = (0, 0)
            if isLive {
                runs = try liveRun().map { [$0] } ?? []
                // Bounded, so that whatever is in the file adds up to something.
                held =
                    try connection.int(
                        """
                        SELECT sum(min(max(todo, 0), \(Segment.countMax))) FROM segment
                        WHERE runner_id IS NOT NULL AND (?1 IS NULL OR batch_id = ?1)
                        """, which) ?? 0
                retriesRunning =
                    try connection.int(
                        """
                        SELECT count(*) FROM retry
                        WHERE runner_id IS NOT NULL AND (?1 IS NULL OR batch_id = ?1)
                        """, which) ?? 0
            }
            return QueueCounts(
                total: total, running: held + retriesRunning, retriesRunning: retriesRunning,
                outcomes: try outcomeGroups(of: batch), runs: runs, isRunKnown: isRunLive != nil)
        }
    }

    /// Whether a runner is alive, this process included; leases of any other runner are void. `nil`
    /// when this cannot be known.
    var isRunLive: Bool? {
        if runnerID != nil { return true }
        if let isTaken = lock?.isTaken(.run) { return isTaken }
        do {
            // Opened for each look: the file may be made, or be allowed to us, meanwhile.
            return try LockFile(path: lockPath, readOnly: true).isTaken(.run)
        } catch {
            // A runner has made the file; another user's file may not be open to us.
            return error.number == ENOENT ? false : nil
        }
    }

    private func liveRun() throws -> QueueCounts.LiveRun? {
        let version = try schemaVersion()
        let trouble = version >= 3 ? "trouble" : "''"
        let measures = version >= 14 ? "measures" : "''"
        let wishesTaken = version >= 13 ? "wishes_taken" : "0"
        let statement = try connection.prepare(
            """
            SELECT pid, workers, started_at_us, heartbeat_us, requests_per_s, \(trouble),
                id, \(wishesTaken), \(measures)
            FROM runner ORDER BY id DESC LIMIT 1
            """)
        try statement.bind([])
        guard try statement.step() else { return nil }
        let (ageMicros, isTooMuch) = unixMicros().subtractingReportingOverflow(statement.int(3))
        // A rate of more than ten seconds ago is nobody's rate: the run waits for something. One
        // of the future is older than the clock, which was set back.
        let isRecent = !isTooMuch && (-10_000_000...10_000_000).contains(ageMicros)
        let rate = statement.real(4)
        return QueueCounts.LiveRun(
            id: statement.int(6), pid: statement.int(0), host: RunnerDescription.ownHost,
            workers: statement.int(1),
            startedAtMicros: statement.int(2),
            heartbeatAge: .microseconds(isTooMuch ? .max : max(0, ageMicros)),
            requestsPerSecond: isRecent && (0...1e9).contains(rate) ? rate : 0,
            trouble: isRecent && !statement.text(5).isEmpty ? statement.text(5) : nil,
            measures: statement.text(8).isEmpty ? nil : statement.text(8),
            steering: version >= 13 ? try wishes(of: statement.int(6)) : Steering(),
            wishTaken: statement.int(7))
    }

    /// The name of an outcome, as a column of the table `outcome`.
    static let outcomeLabel =
        "CASE WHEN reason <> '' THEN reason WHEN state = 'cancelled' THEN state ELSE status END"
    /// The order of outcomes with their counts, as terms of an ORDER BY.
    static let outcomeOrder =
        "state = 'cancelled', state = 'failed', state = 'retrying', count DESC, code"

    private func outcomeGroups(of batch: Batch.ID?) throws -> [QueueCounts.Group] {
        let statement = try connection.prepare(
            """
            SELECT \(Self.outcomeLabel), state, count
            FROM \(batch == nil ? try totals() : "(SELECT * FROM tally WHERE batch_id = ?)")
            JOIN outcome ON code = outcome
            WHERE count > 0
            ORDER BY \(Self.outcomeOrder)
            """)
        try statement.bind(batch.map { [.int($0)] } ?? [])
        var groups: [QueueCounts.Group] = []
        while try statement.step() {
            guard let state = Outcome.State(rawValue: statement.text(1)) else { continue }
            groups.append(.init(label: statement.text(0), state: state, count: statement.int(2)))
        }
        return groups
    }
}
