internal import JobStore

/// Leasing jobs.
extension PostgresLease {
    func claim(_ request: ClaimRequest) async throws(QueueError) -> Claim {
        try checkIsHeld()
        while let number = claimsInDoubt.first {
            let found = try await settle(number)
            if !found.segments.isEmpty { return claim(of: found) }
        }
        let number = beginClaim()
        let leased: PostgresQueue.Leased
        do throws(QueueError) {
            leased = try await queue.claim(
                request, only: batch, for: runner, number, after: claimsTaken,
                pause: idlePause.duration(runners: runnersSeen))
        } catch {
            endClaim(number, error)
            throw seen(error)
        }
        idlePause.looked(found: !leased.segments.isEmpty)
        return claim(of: try await take(leased, of: number))
    }

    private func claim(of leased: PostgresQueue.Leased) -> Claim {
        var segments: [Segment] = []
        for segment in leased.segments where segment.todo > 0 {
            guard let batch = leased.batches[segment.batchID] else { continue }
            segments.append(
                Segment(
                    batch: batch, todo: segment.todoRuns, block: leased.blocks[segment.place]))
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

    // MARK: - Answers

    private func beginClaim() -> Int {
        claimCount += 1
        openClaims.insert(claimCount)
        return claimCount
    }

    /// Notes that a claim has failed, or that its answer was lost.
    private func endClaim(_ number: Int, _ error: QueueError) {
        if error.code == .unreachable {
            claimsInDoubt.append(number)
        } else {
            openClaims.remove(number)
        }
    }

    /// Takes the segments of a claim into what the runner holds.
    ///
    /// - Returns: The segments as they are now: others may have changed them since the answer.
    private func take(
        _ leased: PostgresQueue.Leased, of number: Int
    ) async throws(QueueError) -> PostgresQueue.Leased {
        var current = leased
        do throws(QueueError) {
            // A fold that is in doubt may have let go of what was claimed again.
            while !current.segments.isEmpty, current.told != told || foldInDoubt != nil {
                if current.told > told || foldInDoubt != nil { try ask { try catchUp() } }
                guard current.told != told else { continue }
                let next = current.next
                current = try await queue.leased(to: runner, by: number)
                current.next = next
            }
        } catch {
            if !claimsInDoubt.contains(number) { claimsInDoubt.append(number) }
            throw seen(error)
        }
        openClaims.remove(number)
        claimsInDoubt.removeAll { $0 == number }
        if !current.segments.isEmpty { claimsTaken = max(claimsTaken, number) }
        try add(current)
        return current
    }

    /// Takes what a claim has leased whose answer was lost.
    private func settle(_ number: Int) async throws(QueueError) -> PostgresQueue.Leased {
        let leased: PostgresQueue.Leased
        do throws(QueueError) {
            leased = try await queue.leased(to: runner, by: number)
        } catch { throw seen(error) }
        return try await take(leased, of: number)
    }

    private func add(_ leased: PostgresQueue.Leased) throws(QueueError) {
        for segment in leased.segments {
            held.add(segment)
            retries.add(segment)
        }
        batches.merge(leased.batches) { known, _ in known }
        let changes = unplaced.filter { !held.lacks($0.entry.position, of: $0.entry.batchID) }
        if !changes.isEmpty {
            unplaced.removeAll { !held.lacks($0.entry.position, of: $0.entry.batchID) }
            for change in changes { try apply(change.entry, atMicros: change.atMicros) }
        }
        // The batch of one of them may have been cancelled since it was claimed.
        guard told > 0 else { return }
        do throws(QueueError) { try ask { try readCancelled() } } catch {
            // These segments are handed out all the same. The next commit finds that it has to catch
            // up first.
            told = -1
        }
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
        let lines: [LedgerPlace: ListBlock]
        do throws(QueueError) { lines = try self.lines(of: places) } catch {
            triedUnhanded = places
            throw error
        }
        triedUnhanded = []
        let jobs = places.compactMap { place in
            held.segment(holding: place.position, of: place.batchID)?.retry(at: place.position)
                .flatMap { retry in dueRetry(retry, at: place, lines[place], now) }
        }
        let next = retries.nextDueMicros(at: clock.nowMicros, where: isWaiting)
        return RetryClaim(jobs: jobs, nextDue: next.map { .microseconds($0) })
    }

    private func dueRetry(
        _ retry: HeldSegment.HeldRetry, at place: LedgerPlace, _ line: ListBlock?, _ nowMicros: Int
    ) -> DueRetry? {
        guard retry.isTried, let batch = batches[place.batchID] else { return nil }
        return DueRetry(
            batch: batch, position: place.position, attempts: retry.attempts,
            excused: retry.excused,
            age: .microseconds(max(0, nowMicros - retry.sinceMicros)), block: line)
    }

    /// The blocks of lines that are read at a time: lines may be long.
    private static let blocksMax = 16

    /// The lines of some jobs, each as a block of its own; none of jobs of ranges.
    private func lines(
        of places: [LedgerPlace]
    ) throws(QueueError) -> [LedgerPlace: ListBlock] {
        var places = places.filter { place in
            if case .list = batches[place.batchID]?.source { true } else { false }
        }[...]
        var lines: [LedgerPlace: ListBlock] = [:]
        while !places.isEmpty {
            // Those of one segment are in one block.
            var (firsts, part): (Set<LedgerPlace>, [(place: LedgerPlace, first: LedgerPlace)]) = (
                [], []
            )
            while let place = places.first {
                let first =
                    held.segment(holding: place.position, of: place.batchID)?.place ?? place
                guard firsts.contains(first) || firsts.count < Self.blocksMax else { break }
                firsts.insert(first)
                part.append((place, first))
                places.removeFirst()
            }
            var left = part.map(\.place)[...]
            for (batchID, block) in try ask({
                try LineRows.blocks(holding: Array(firsts), link)
            }) {
                guard let known = block.lines() else { continue }
                while let place = left.first, place.batchID == batchID,
                    block.positions.contains(place.position)
                {
                    lines[place] = block.only(place.position, of: known)
                    left.removeFirst()
                }
            }
            if let place = left.first { throw queue.lineless(place) }
        }
        return lines
    }

    func isWaiting(_ waiting: RetryList.Waiting) -> Bool {
        let retry = held.segment(holding: waiting.position, of: waiting.batchID)?
            .retry(at: waiting.position)
        return retry.map { !$0.isTried && $0.dueMicros == waiting.dueMicros } ?? false
    }

    private func adoptRetries() async throws(QueueError) {
        let number = beginClaim()
        let leased: PostgresQueue.Leased
        do throws(QueueError) {
            leased = try await queue.adoptRetries(
                only: batch, for: runner, number, after: claimsTaken)
        } catch {
            endClaim(number, error)
            throw seen(error)
        }
        retriesMayBeLeft = !leased.segments.isEmpty
        _ = unannounced(try await take(leased, of: number))
    }
}
