internal import Glibc

extension SQLiteQueue {
    public func attach(
        _ runner: RunnerDescription
    ) async throws(QueueError) -> any RunnerLease {
        // The kernel gives a lock twice to one descriptor.
        guard runnerID == nil else { throw inUse(by: "this process") }
        try takeRightToRun(pid: runner.pid)
        do {
            try removeAbandonedLists()
            let (rescued, mayRepeat) = try write {
                try checkNotForgetting()
                let mayRepeat = try requestsProbablyUnmarked()
                let rescued = try rescue()
                let now = unixMicros()
                try connection.run(
                    "INSERT INTO runner (pid, workers, started_at_us, heartbeat_us) VALUES (?, ?, ?, ?)",
                    .int(runner.pid), .int(runner.workers), .int(now), .int(now))
                runnerID = connection.lastInsertID
                return (rescued, min(rescued, mayRepeat))
            }
            try await finishCancellations()
            try await finishPutBacks()
            let counts = try counts(of: runner.batch)
            let paces = try takePaces()
            return SQLiteLease(
                queue: self, runnerID: ourID(), batch: runner.batch,
                attachment: Attachment(
                    rescued: rescued, mayRepeat: mayRepeat, retrying: counts.retrying,
                    counts: counts, site: .only, output: try output(of: .only), hosts: paces,
                    unrecorded: try read { try hasShardTables() ? try unrecordedCount() : nil }))
        } catch {
            runnerID = nil
            lock?.release(.run)
            throw error
        }
    }

    func detach(_ runner: Int) throws(QueueError) {
        try check(runner)
        defer {
            runnerID = nil
            validatorPages.removeAll()
            lock?.release(.run)
        }
        try write {
            _ = try giveBack()
            try connection.run("DELETE FROM runner WHERE id = ?", .int(runner))
            try connection.run("DELETE FROM wish")
        }
    }

    func abandon(_ runner: Int) {
        guard runner == runnerID else { return }
        runnerID = nil
        validatorPages.removeAll()
        lock?.release(.run)
    }

    /// - Throws: `.fenced` when the runner is not the one that is attached.
    func check(_ runner: Int) throws(QueueError) {
        guard runner == runnerID else { throw fenced("the runner is not attached") }
    }

    func ourID() -> Int {
        guard let runnerID else {
            preconditionFailure("claims and marks are for a runner that has attached")
        }
        return runnerID
    }

    /// Takes back all that runners held. We hold the right to run, so whoever is in the table is gone.
    ///
    /// - Returns: The number of jobs that were held and not marked, and can be claimed again.
    func rescue() throws -> Int {
        // Another run may reach what that one did not.
        try connection.run(
            """
            UPDATE segment SET not_before_us = 0
            WHERE todo > 0 AND runner_id IS NULL AND not_before_us > 0
            """)
        let rescued = try giveBack()
        try connection.run("DELETE FROM runner")
        try connection.run("DELETE FROM wish")
        return rescued
    }

    func takeRightToRun(pid: Int) throws(QueueError) {
        let isOurs: Bool
        do {
            isOurs = try lock?.take(.run, patienceMillis: 0) ?? false
        } catch {
            throw error.untakable(path)
        }
        guard isOurs else {
            throw inUse(by: lock?.readHolder().map { "process \($0)" } ?? "another process")
        }
        lock?.writeHolder(pid: pid)
    }

    private func inUse(by holder: String) -> QueueError {
        QueueError(
            .inUse,
            "\(holder) runs the queue \(path) already; wait for it, or stop it with Ctrl-C or kill")
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
    /// Jobs of cancelled batches are cancelled.
    ///
    /// - Returns: The number of jobs that were held and not marked, and can be claimed again.
    private func giveBack() throws -> Int {
        let leased = try leasedSegments()
        var held = 0
        var cancelled = try leasedRetriesOfCancelledBatches()
        held -= cancelled.count
        for segment in leased {
            if segment.isCancelled {
                cancelled.append(LedgerPlace(batchID: segment.batch, position: segment.first))
                continue
            }
            held += segment.todo - segment.returned
            guard segment.todo == segment.count else { continue }
            try connection.run(
                "DELETE FROM segment WHERE batch_id = ? AND first = ?", .int(segment.batch),
                .int(segment.first))
            try makeAvailable(
                batch: segment.batch, first: segment.first, count: segment.count,
                priority: segment.priority)
        }
        try connection.run(
            "UPDATE segment SET runner_id = NULL, returned = 0 WHERE runner_id IS NOT NULL")
        held += try connection.run("UPDATE retry SET runner_id = NULL WHERE runner_id IS NOT NULL")
        _ = try cancelSegments(holding: cancelled)
        return held
    }

    private typealias LeasedSegment = (
        batch: Int, first: Int, count: Int, todo: Int, returned: Int, priority: Int,
        isCancelled: Bool
    )

    private func leasedSegments() throws -> [LeasedSegment] {
        var segments: [LeasedSegment] = []
        let leased = try connection.prepare(
            """
            SELECT batch_id, first, segment.count, todo, segment.priority, cancelled_at_us, returned
            FROM segment LEFT JOIN batch ON batch.id = batch_id WHERE runner_id IS NOT NULL
            """)
        try leased.bind([])
        while try leased.step() {
            let (batch, first, count) = (leased.int(0), leased.int(1), leased.int(2))
            let todo = leased.int(3)
            guard first >= 0, 1...Segment.countMax ~= count, first <= Int.max - count,
                0...count ~= todo, 0...todo ~= leased.int(6)
            else {
                throw damaged("batch \(batch) has a segment of \(count) jobs at \(first)")
            }
            segments.append(
                (batch, first, count, todo, leased.int(6), leased.int(4), !leased.isNull(5)))
        }
        return segments
    }

    private func leasedRetriesOfCancelledBatches() throws -> [LedgerPlace] {
        let retries = try connection.prepare(
            """
            SELECT batch_id, position FROM retry JOIN batch ON batch.id = batch_id
            WHERE runner_id IS NOT NULL AND cancelled_at_us IS NOT NULL
            """)
        try retries.bind([])
        var places: [LedgerPlace] = []
        while try retries.step() {
            places.append(LedgerPlace(batchID: retries.int(0), position: retries.int(1)))
        }
        return places
    }
}

extension SQLiteQueue {
    /// Makes all jobs of a segment available again, as they were before the claim.
    func makeAvailable(
        batch: Batch.ID, first: Int, count: Int, priority: Int
    ) throws {
        let lane = try connection.int(
            "SELECT lane FROM line WHERE batch_id = ? AND first = ?", .int(batch), .int(first))
        guard let lane else {
            return try insertSpan(
                batch: batch, first: first, count: count, outcome: 0, priority: priority)
        }
        try connection.run(
            "INSERT INTO block (batch_id, first, count, lane) VALUES (?, ?, ?, ?)",
            .int(batch), .int(first), .int(count), .int(lane))
        try add(count, toLane: ListLane(batchID: batch, number: lane), priority: priority)
    }
}

/// The hold of this process on a queue in SQLite.
struct SQLiteLease: RunnerLease {
    let queue: SQLiteQueue
    /// The epoch of the runner: its ID in the table `runner`.
    let runnerID: Int
    /// The only batch that the runner works on; `nil` for all.
    let batch: Batch.ID?
    let attachment: Attachment

    func claim(_ request: ClaimRequest) async throws(QueueError) -> Claim {
        try await queue.claim(request, only: batch, for: runnerID)
    }

    func claimRetries(limit: Int) async throws(QueueError) -> RetryClaim {
        try await queue.claimRetries(limit: limit, only: batch, for: runnerID)
    }

    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile]
    ) async throws(QueueError) {
        try await queue.keepOutput(settings, files, for: runnerID)
    }

    func handedOver(_ file: Int) async throws(QueueError) {
        try await queue.handedOver(file, by: runnerID)
    }

    func inheritedFiles() async throws(QueueError) -> [InheritedFiles] {
        try await queue.inheritedFiles()
    }

    func handedOver(_ file: Int, ofInherited site: Site) async throws(QueueError) {
        try await queue.handedOver(file, ofInherited: site, by: runnerID)
    }

    func commit(
        _ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat
    ) async throws(QueueError) {
        _ = try await queue.commit(marks, files, heartbeat: heartbeat, for: runnerID)
    }

    func commit(
        _ marks: [Mark], _ files: [OutputFile], _ found: [FoundRequests], countMax: Int,
        heartbeat: Heartbeat
    ) async throws(QueueError) -> FoundTally {
        try await queue.commit(
            marks, files, found, countMax: countMax, heartbeat: heartbeat, for: runnerID)
    }

    func renew(_ heartbeat: Heartbeat) async throws(QueueError) {
        _ = try await queue.commit([], [], heartbeat: heartbeat, for: runnerID)
    }

    func park(_ starts: [LedgerPlace], for wait: Duration) async throws(QueueError) {
        try await queue.park(starts, for: wait, runnerID)
    }

    func steering() async throws(QueueError) -> Steering {
        try await queue.steering(of: runnerID)
    }

    func took(wish number: Int) async throws(QueueError) {
        try await queue.took(wish: number, by: runnerID)
    }

    func detach() async throws(QueueError) { try await queue.detach(runnerID) }
    func abandon() async { await queue.abandon(runnerID) }
}
