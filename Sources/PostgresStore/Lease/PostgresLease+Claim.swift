internal import JobStore

/// Leasing jobs.
extension PostgresLease {
    func claim(_ request: ClaimRequest) async throws(QueueError) -> Claim {
        try checkIsHeld()
        if claimIsInDoubt {
            let found = try await takeWhatAClaimLeft()
            if !found.segments.isEmpty { return found }
        }
        let toldBefore = told
        do throws(QueueError) {
            let leased = try await queue.claim(request, only: batch, for: runner)
            try add(leased, toldBefore)
            return claim(of: leased)
        } catch {
            claimIsInDoubt = error.code == .unreachable
            throw error
        }
    }

    private func claim(of leased: PostgresQueue.Leased) -> Claim {
        var segments: [Segment] = []
        for segment in leased.segments where segment.todo > 0 {
            guard let batch = leased.batches[segment.batchID] else { continue }
            segments.append(Segment(batch: batch, todo: segment.todoRuns))
        }
        return Claim(segments: segments, next: leased.next, retries: unannounced(leased))
    }

    /// The retries of segments that `attachment` has not told of.
    private func unannounced(_ leased: PostgresQueue.Leased) -> Int {
        let count = leased.segments.reduce(0) { $0 + $1.retries.count }
        let known = min(count, retriesAnnounced)
        retriesAnnounced -= known
        return count - known
    }

    /// Takes segments that were leased by a claim whose answer was lost.
    private func takeWhatAClaimLeft() async throws(QueueError) -> Claim {
        let toldBefore = told
        var leased = try await queue.leased(to: runner)
        leased.segments.removeAll { !held.lacks($0.first, of: $0.batchID) }
        claimIsInDoubt = false
        try add(leased, toldBefore)
        return claim(of: leased)
    }

    /// - Parameter toldBefore: `told` before the segments were leased.
    private func add(_ leased: PostgresQueue.Leased, _ toldBefore: Int) throws(QueueError) {
        for segment in leased.segments {
            held.add(segment)
            for (offset, retry) in segment.retries {
                retries.add(
                    .init(
                        dueMicros: retry.dueMicros, batchID: segment.batchID,
                        position: segment.first + offset))
            }
        }
        batches.merge(leased.batches) { known, _ in known }
        let changes = unplaced.filter { !held.lacks($0.entry.position, of: $0.entry.batchID) }
        if !changes.isEmpty {
            unplaced.removeAll { !held.lacks($0.entry.position, of: $0.entry.batchID) }
            for change in changes { try apply(change.entry, atMicros: change.atMicros) }
        }
        if told != toldBefore { try ask { try readCancelled() } }
    }

    func claimRetries(limit: Int) async throws(QueueError) -> RetryClaim {
        try checkIsHeld()
        if retriesMayBeLeft { try await adoptRetries() }
        let now = clock.nowMicros
        let due = retries.takeDue(
            at: now, limit: max(0, limit - triedUnhanded.count), where: isWaiting)
        do throws(QueueError) {
            if !due.isEmpty { try recordTried(due) }
        } catch {
            for retry in due { retries.add(retry) }
            throw error
        }
        // What others have cancelled meanwhile is not tried.
        let places = Set(
            triedUnhanded + due.map(\.place)
        ).sorted { ($0.batchID, $0.position) < ($1.batchID, $1.position) }
        triedUnhanded = []
        let jobs = places.compactMap { place in
            held.segment(holding: place.position, of: place.batchID)?.retry(at: place.position)
                .flatMap { retry in dueRetry(retry, at: place, now) }
        }
        let next = retries.nextDueMicros(at: clock.nowMicros, where: isWaiting)
        return RetryClaim(jobs: jobs, nextDue: next.map { .microseconds($0) })
    }

    private func dueRetry(
        _ retry: HeldSegment.HeldRetry, at place: LedgerPlace, _ nowMicros: Int
    ) -> DueRetry? {
        guard retry.isTried, let batch = batches[place.batchID] else { return nil }
        return DueRetry(
            batch: batch, position: place.position, attempts: retry.attempts,
            excused: retry.excused,
            age: .microseconds(max(0, nowMicros - retry.sinceMicros)))
    }

    func isWaiting(_ waiting: RetryList.Waiting) -> Bool {
        let retry = held.segment(holding: waiting.position, of: waiting.batchID)?
            .retry(at: waiting.position)
        return retry.map { !$0.isTried && $0.dueMicros == waiting.dueMicros } ?? false
    }

    private func adoptRetries() async throws(QueueError) {
        let toldBefore = told
        do throws(QueueError) {
            let leased = try await queue.adoptRetries(only: batch, for: runner)
            retriesMayBeLeft = !leased.segments.isEmpty
            _ = unannounced(leased)
            try add(leased, toldBefore)
        } catch {
            claimIsInDoubt = claimIsInDoubt || error.code == .unreachable
            throw error
        }
    }

    func park(_ starts: [LedgerPlace], for wait: Duration) throws(QueueError) {
        throw queue.unsupported("set segments aside")
    }
}
