internal import JobStore

/// Commits: rows of the runner's log.
extension PostgresLease {
    /// Records marks, files and a heartbeat.
    func record(
        _ marks: [Mark], _ files: [OutputFile], _ heartbeat: Heartbeat
    ) throws(QueueError) {
        try learnCodes(of: marks)
        let marks = marks.sorted { ($0.batchID, $0.position) < ($1.batchID, $1.position) }
        try record(heartbeat) { () throws(QueueError) in
            LogBody(entries: try entries(of: marks), files: files)
        }
        // The caller has heard of them now.
        if !settled.isEmpty { settled.subtract(marks.map(\.place)) }
        lastHeartbeat = heartbeat
        savePaces(heartbeat.hosts)
        foldSoon()
    }

    /// Records that retries are being tried.
    func recordTried(_ due: [RetryList.Waiting]) throws(QueueError) {
        let due = due.sorted { ($0.batchID, $0.position) < ($1.batchID, $1.position) }
        try record(lastHeartbeat) { () throws(QueueError) in
            // Looked at each time: others may have cancelled some meanwhile.
            var places: Set<LedgerPlace> = []
            return LogBody(
                entries: due.filter { isWaiting($0) && places.insert($0.place).inserted }.map {
                    .init(batchID: $0.batchID, position: $0.position, change: .tried)
                })
        }
        foldSoon()
    }

    /// The times that a call sends its commit.
    private static let sendsMax = 4

    /// Records a body, which is made anew where others have changed what the runner holds.
    ///
    /// When it throws `.unreachable`, the commit may have happened. The next call finds that out, and
    /// `settled` has the jobs that the caller does not know to be marked.
    private func record(
        _ heartbeat: Heartbeat, _ makeBody: () throws(QueueError) -> LogBody
    ) throws(QueueError) {
        if let foldFailure { throw foldFailure }
        for _ in 0..<Self.sendsMax {
            if pending != nil || foldInDoubt != nil { try ask { try catchUp() } }
            let body = try makeBody()
            let isDone = try ask {
                do throws(PostgresError) {
                    return try send(body, heartbeat)
                } catch  where error.kind == .lost {
                    // What became of it is found out at once.
                    return false
                }
            }
            if isDone { return }
        }
        throw QueueError(
            .unreachable,
            "the queue \(queue.name) cannot be reached: connections to it break, or others change what this runner holds"
        )
    }

    /// Sends a commit.
    ///
    /// - Returns: Whether it was recorded. Otherwise nobody knows, or the runner has not heard of
    ///   all that others wrote, or is gone: `catchUp` finds out.
    private func send(_ body: LogBody, _ heartbeat: Heartbeat) throws(PostgresError) -> Bool {
        let (sql, values) = commitStatement(body, heartbeat)
        pending = seq + 1
        let sentAt = ContinuousClock.now
        let rows: Rows
        do throws(PostgresError) { rows = try link.query(sql, values) } catch {
            // Nothing was sent, or it was refused; of what was sent before, that may not be true.
            if error.kind != .lost { pending = nil }
            throw error
        }
        guard let atMicros = rows.intIfAny(0, 0) else { return false }
        pending = nil
        seq += 1
        lastCommitMicros = SystemClock.monotonicMicros()
        heard(sentAt)
        clock.note(atMicros)
        take(body, atMicros: atMicros)
        return true
    }

    /// The statement that adds a body to the log.
    func commitStatement(_ body: LogBody, _ heartbeat: Heartbeat) -> (sql: String, values: [Value])
    {
        let changes = held.count(body.entries).all
        return (
            "SELECT runner.commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            [
                .int(runner), .int(told), .int(seq + 1), .int(claimsTaken),
                Value(clock.fixedMicros), .real(heartbeat.requestsPerSecond),
                .text(heartbeat.trouble ?? ""), Value(heartbeat.measures),
                .ints(changes.map(\.batch)), .ints(changes.map(\.kind.code)),
                .ints(changes.map(\.count)), .bool(!body.files.isEmpty), .bytes(body.bytes),
            ]
        )
    }

    // MARK: - Changes

    /// Makes the changes of a commit of this runner in what it holds.
    private func take(_ body: LogBody, atMicros: Int) {
        do throws(HeldSegment.Misfit) {
            let changed = try held.change(body.entries, atMicros: atMicros, &unfolded.tally)
            unfolded.changed.formUnion(changed)
        } catch {
            preconditionFailure("a body was made of what the runner holds: \(error)")
        }
        for entry in body.entries { noteRetry(entry, atMicros: atMicros) }
        for file in body.files { unfolded.files[file.id] = file }
        unfolded.commits += 1
    }

    /// Makes a change that was committed.
    ///
    /// - Throws: `.damaged` when it does not fit.
    func apply(_ entry: LogBody.Entry, atMicros: Int) throws(QueueError) {
        guard let place = held.segment(holding: entry.position, of: entry.batchID)?.place else {
            unplaced.append((entry, atMicros))
            return
        }
        do throws(HeldSegment.Misfit) {
            try held.change(entry, atMicros: atMicros, &unfolded.tally)
        } catch { throw PostgresQueue.queueError(error, at: queue.name) }
        unfolded.changed.insert(place)
        noteRetry(entry, atMicros: atMicros)
    }

    private func noteRetry(_ entry: LogBody.Entry, atMicros: Int) {
        if case .waits(_, let wait) = entry.change {
            retries.add(
                .init(
                    dueMicros: atMicros + wait.waitMicros, batchID: entry.batchID,
                    position: entry.position))
        }
    }

    // MARK: - Marks

    /// The entries of marks, which are in order.
    ///
    /// - Throws: `.fenced` when a job is not this runner's to mark.
    func entries(of marks: [Mark]) throws(QueueError) -> [LogBody.Entry] {
        var entries: [LogBody.Entry] = []
        entries.reserveCapacity(marks.count)
        var segment: HeldSegment?
        var last: (outcome: Outcome, code: UInt8)?
        for mark in marks where settled.isEmpty || !settled.contains(mark.place) {
            if segment?.batchID != mark.batchID
                || segment?.positions.contains(mark.position) != true
            {
                segment = held.segment(holding: mark.position, of: mark.batchID)
            }
            guard let segment else {
                throw queue.fenced(
                    "job \(mark.position) of batch \(mark.batchID) is final, or was never claimed")
            }
            let isOurs =
                mark.attempt == 1
                ? segment.code(at: mark.position) == 0
                : segment.retry(at: mark.position)?.isTried == true
            guard isOurs else {
                throw queue.fenced(
                    "job \(mark.position) of batch \(mark.batchID) is marked already, or is not waiting for a retry"
                )
            }
            let code =
                last?.outcome == mark.outcome
                ? last?.code ?? 0 : codes.code(for: mark.outcome) ?? 0
            last = (mark.outcome, code)
            entries.append(
                .init(
                    batchID: mark.batchID, position: mark.position,
                    change: change(of: mark, code)))
        }
        return entries
    }

    private func change(of mark: Mark, _ code: UInt8) -> LogBody.Change {
        precondition(code != 0, "the codes of marks were learnt")
        guard mark.outcome.state == .retrying else { return .ended(code) }
        // Nothing of a cancelled batch is tried again.
        if cancelled.contains(mark.batchID) { return .ended(CodeBook.cancelled) }
        return .waits(
            code,
            .init(
                attempts: mark.attempt,
                waitMicros: max(.zero, min(mark.wait, Retry.waitMax)).microseconds,
                isExcused: mark.isExcused))
    }

    func learnCodes(of marks: [Mark]) throws(QueueError) {
        var unknown: Set<Outcome> = []
        var last: Outcome?
        for mark in marks where mark.outcome != last {
            if codes.code(for: mark.outcome) == nil { unknown.insert(mark.outcome) }
            last = mark.outcome
        }
        guard !unknown.isEmpty else { return }
        try ask {
            try codes.read(link)
            unknown = unknown.filter { codes.code(for: $0) == nil }
            if !unknown.isEmpty { try codes.learn(unknown, link) }
        }
    }

    /// Keeps the paces of hosts; those that cannot be kept now go with the next commit's.
    private func savePaces(_ paces: [HostPace]) {
        let all = unsavedPaces + paces
        guard !all.isEmpty else { return }
        do throws(PostgresError) {
            try PostgresQueue.save(all, at: clock, link)
            unsavedPaces = []
        } catch {
            unsavedPaces = Array(all.suffix(HostPace.countMax))
        }
    }

    func ask<Result>(_ body: () throws -> Result) throws(QueueError) -> Result {
        do { return try body() } catch {
            throw seen(PostgresQueue.queueError(error, at: queue.name))
        }
    }

    /// An error as a runner sees it that is attached: the queue was there.
    nonisolated func seen(_ error: QueueError) -> QueueError {
        error.code == .missing ? queue.replaced : error
    }
}

extension Mark {
    var place: LedgerPlace { LedgerPlace(batchID: batchID, position: position) }
}
