internal import Glibc

extension SQLiteQueue {
    public func attach(_ runner: RunnerDescription) throws(QueueError) -> Attachment {
        try takeRightToRun(pid: runner.pid)
        do {
            let (rescued, mayRepeat) = try write {
                // We hold the right to run, so whoever is in the table is gone.
                let mayRepeat = try requestsProbablyUnmarked()
                let rescued = try giveBack()
                try connection.run("DELETE FROM runner")
                let now = unixTimeMicros()
                try connection.run(
                    "INSERT INTO runner (pid, workers, started_at_us, heartbeat_us) VALUES (?, ?, ?, ?)",
                    .int(runner.pid), .int(runner.workers), .int(now), .int(now))
                runnerID = connection.lastInsertID
                return (rescued, min(rescued, mayRepeat))
            }
            return Attachment(
                rescued: rescued, mayRepeat: mayRepeat, counts: try counts(), output: try output())
        } catch {
            runnerID = nil
            lock?.release(.run)
            throw error
        }
    }

    public func detach() throws(QueueError) {
        defer {
            runnerID = nil
            lock?.release(.run)
        }
        try write {
            _ = try giveBack()
            try connection.run("DELETE FROM runner WHERE id = ?", runnerID.map(Value.int) ?? .null)
        }
    }

    private func takeRightToRun(pid: Int) throws(QueueError) {
        let isOurs: Bool
        do {
            isOurs = try lock?.take(.run, patienceMillis: 0) ?? false
        } catch {
            throw error.untakable(path)
        }
        guard isOurs else {
            let holder = lock?.readHolder().map { "process \($0)" } ?? "another process"
            throw QueueError(
                .inUse,
                "\(holder) runs the queue \(path) already; wait for it, or stop it with Ctrl-C or kill"
            )
        }
        lock?.writeHolder(pid: pid)
    }

    /// Estimates the number of requests that dead runners made and did not mark: the requests in
    /// flight, and those of one commit interval, taken twice since a commit itself takes time. A
    /// runner that died before its first commit counts with one full commit.
    private func requestsProbablyUnmarked() throws -> Int {
        try connection.int(
            """
            SELECT sum(workers + iif(requests_per_s > 0, CAST(0.2 * requests_per_s AS INTEGER) + 1, 5000))
            FROM runner
            """) ?? 0
    }

    /// Ends every lease: segments that nobody began go back to their span, the others stay open.
    ///
    /// - Returns: The number of jobs that were held and not marked.
    private func giveBack() throws -> Int {
        var held = 0
        var untouched: [(batch: Int, first: Int, count: Int)] = []
        let leased = try connection.prepare(
            "SELECT batch_id, first, count, todo FROM segment WHERE runner_id IS NOT NULL")
        try leased.bind([])
        while try leased.step() {
            let (batch, first, count) = (leased.int(0), leased.int(1), leased.int(2))
            let todo = leased.int(3)
            guard first >= 0, 1...Segment.maximumCount ~= count, first <= Int.max - count,
                0...count ~= todo
            else {
                throw damaged("batch \(batch) has a segment of \(count) jobs at \(first)")
            }
            held += todo
            if todo == count { untouched.append((batch, first, count)) }
        }
        for (batch, first, count) in untouched {
            try connection.run(
                "DELETE FROM segment WHERE batch_id = ? AND first = ?", .int(batch), .int(first))
            try insertSpan(batch: batch, first: first, count: count, outcome: 0)
        }
        try connection.run("UPDATE segment SET runner_id = NULL WHERE runner_id IS NOT NULL")
        held += try connection.run("UPDATE retry SET runner_id = NULL WHERE runner_id IS NOT NULL")
        return held
    }
}
