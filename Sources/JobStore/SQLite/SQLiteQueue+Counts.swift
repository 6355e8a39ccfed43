extension SQLiteQueue {
    public func counts() throws(QueueError) -> QueueCounts {
        // Asked before the snapshot: a runner that ends in between shows as ended.
        let isLive = isRunLive
        return try read {
            let total = try connection.int("SELECT sum(count) FROM batch") ?? 0
            var run: QueueCounts.LiveRun?
            var (held, retriesRunning) = (0, 0)
            if isLive {
                run = try liveRun()
                held =
                    try connection.int("SELECT sum(todo) FROM segment WHERE runner_id IS NOT NULL")
                    ?? 0
                retriesRunning =
                    try connection.int("SELECT count(*) FROM retry WHERE runner_id IS NOT NULL")
                    ?? 0
            }
            return QueueCounts(
                total: total, running: held + retriesRunning, retriesRunning: retriesRunning,
                outcomes: try outcomeGroups(), run: run)
        }
    }

    /// Whether a runner lives, this process's included: leases of any other are void.
    var isRunLive: Bool { runnerID != nil || (lock?.isTaken(.run) ?? false) }

    private func liveRun() throws -> QueueCounts.LiveRun? {
        let statement = try connection.prepare(
            """
            SELECT pid, workers, started_at_us, iif(heartbeat_us > ? - 10000000, requests_per_s, 0)
            FROM runner ORDER BY id DESC LIMIT 1
            """)
        // A rate of more than ten seconds ago is nobody's rate: the run waits for something.
        try statement.bind([.int(unixTimeMicros())])
        guard try statement.step() else { return nil }
        return QueueCounts.LiveRun(
            pid: statement.int(0), workers: statement.int(1), startedAtMicros: statement.int(2),
            requestsPerSecond: statement.real(3))
    }

    private func outcomeGroups() throws -> [QueueCounts.Group] {
        let statement = try connection.prepare(
            """
            SELECT iif(reason <> '', reason, status), state, sum(count) AS jobs
            FROM tally JOIN outcome ON code = outcome
            GROUP BY code HAVING jobs > 0
            ORDER BY state = 'failed', state = 'retrying', jobs DESC, code
            """)
        try statement.bind([])
        var groups: [QueueCounts.Group] = []
        while try statement.step() {
            guard let state = Outcome.State(rawValue: statement.text(1)) else { continue }
            groups.append(.init(label: statement.text(0), state: state, count: statement.int(2)))
        }
        return groups
    }
}
