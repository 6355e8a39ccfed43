/// Failed jobs that are put back: a wish in the table `put_back`, which is carried out in the order
/// of jobs, some of them in each transaction.
extension SQLiteQueue {
    public func putBack(_ jobs: FailedJobs) async throws(QueueError) -> Int {
        try await finishPutBacks()
        let id = try write {
            try connection.run(
                """
                INSERT INTO put_back (outcomes, host, batch_id, first_id, end_id, next_batch_id)
                VALUES (?, ?, ?, ?, ?, 0)
                """,
                jobs.outcomes.map { .text($0.map(\.text).joined(separator: ",")) } ?? .null,
                jobs.host.map { .text($0.text) } ?? .null, jobs.batch.map(Value.int) ?? .null,
                jobs.ids.map { .int($0.lowerBound) } ?? .null,
                jobs.ids.map { .int($0.upperBound) } ?? .null)
            let id = connection.lastInsertID
            try connection.run(
                "DELETE FROM put_back WHERE next_batch_id IS NULL AND id < ?",
                .int(id - Self.finishedMax))
            return id
        }
        try await carryOut(id)
        return try read {
            try connection.int("SELECT jobs FROM put_back WHERE id = ?", .int(id)) ?? 0
        }
    }

    /// The wishes that are done with and kept, so that whoever had one hears the number of jobs,
    /// also when another process went on with it.
    private static let finishedMax = 100

    /// Puts back what is left of wishes since calls were killed.
    func finishPutBacks() async throws(QueueError) {
        let ids = try read {
            let rows = try connection.prepare(
                "SELECT id FROM put_back WHERE next_batch_id IS NOT NULL ORDER BY id")
            try rows.bind([])
            var ids: [Int] = []
            while try rows.step() { ids.append(rows.int(0)) }
            return ids
        }
        for id in ids { try await carryOut(id) }
    }

    /// Puts back the jobs of a wish that nobody has put back so far.
    private func carryOut(_ id: Int) async throws(QueueError) {
        while let wish = try read({ try openWish(id) }) {
            let runs = try await runsOnHost(of: wish)
            try write { try putSomeBack(of: id, runs) }
            // Another writer asks for the lock once a millisecond, and must not ask in vain. A task
            // that was cancelled goes on at once.
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    /// A wish that is not done with.
    private struct Wish {
        let jobs: FailedJobs
        /// The place of the next job to look at.
        let next: LedgerPlace
    }

    /// - Returns: `nil` when the wish is done with.
    private func openWish(_ id: Int) throws -> Wish? {
        let row = try connection.prepare(
            """
            SELECT outcomes, host, batch_id, first_id, end_id, next_batch_id, next_position
            FROM put_back WHERE id = ? AND next_batch_id IS NOT NULL
            """)
        try row.bind([.int(id)])
        guard try row.step() else { return nil }
        var jobs = FailedJobs()
        if !row.isNull(0) {
            let texts = row.text(0).split(separator: ",").map(String.init)
            jobs.outcomes = texts.compactMap { OutcomePattern($0) }
            guard jobs.outcomes?.count == texts.count else { throw unreadableWish(id) }
        }
        if !row.isNull(1) {
            jobs.host = HostPattern(row.text(1))
            guard jobs.host != nil else { throw unreadableWish(id) }
        }
        if !row.isNull(2) { jobs.batch = row.int(2) }
        if !row.isNull(3) {
            guard row.int(3) >= 0, row.int(3) <= row.int(4) else { throw unreadableWish(id) }
            jobs.ids = row.int(3)..<row.int(4)
        }
        guard row.int(6) >= 0 else { throw unreadableWish(id) }
        return Wish(
            jobs: jobs, next: LedgerPlace(batchID: row.int(5), position: row.int(6)))
    }

    private func unreadableWish(_ id: Int) -> QueueError {
        damaged("the wish \(id) to put jobs back does not read")
    }

    /// Bounds the time of a transaction that puts jobs back. For tests: with none, it puts back one
    /// span or segment.
    package func limitPutBacks(to timeMax: Duration) { putBackMax = timeMax }

    // MARK: - Hosts

    /// The jobs of a window that go to the host of a wish.
    private struct RunsOnHost {
        let batchID: Batch.ID
        let window: Range<Int>
        let runs: [Range<Int>]
    }

    /// The jobs whose lines are looked at before the next transaction.
    private static let lookedAtMax = 16 * Segment.countMax

    /// Looks at the next jobs of a wish that is about a host, before the transaction that puts them
    /// back: reading lines takes time, and lines never change.
    ///
    /// - Returns: `nil` when the wish is about no host, or when no job is left.
    private func runsOnHost(of wish: Wish) async throws(QueueError) -> RunsOnHost? {
        guard let host = wish.jobs.host else { return nil }
        guard let place = try read({ try nextPlace(of: wish) }) else { return nil }
        let page = try page(from: place)
        var hosts = JobHosts(self)
        var (runs, lookedAt, end): ([Range<Int>], Int, Int) = ([], 0, place.position)
        for span in page.spans where span.batch.id == place.batchID {
            end = span.positions.upperBound
            guard let outcome = span.outcome, span.state == .failed, wish.jobs.wants(outcome) else {
                continue
            }
            let positions = span.positions.clamped(to: wish.jobs.positions(in: span.batch))
            if span.batch.hostOfTemplate == nil {
                // A span may be of any length.
                let left = positions.prefix(Self.lookedAtMax - lookedAt)
                lookedAt += left.count
                if left.count < positions.count { end = left.endIndex }
                runs += try await hosts.runs(
                    of: left.startIndex..<left.endIndex, in: span.batch, on: host)
            } else {
                runs += try await hosts.runs(of: positions, in: span.batch, on: host)
            }
            if lookedAt >= Self.lookedAtMax { break }
        }
        return RunsOnHost(batchID: place.batchID, window: place.position..<end, runs: runs)
    }

    /// The place of the next job that a wish may be about; `nil` when there is none.
    private func nextPlace(of wish: Wish) throws -> LedgerPlace? {
        let codes = try failedCodes(of: wish.jobs)
        var place = wish.next
        while let batch = try nextBatch(of: wish.jobs, from: place, codes) {
            let window = window(of: batch, for: wish.jobs, from: place)
            if !window.isEmpty {
                return LedgerPlace(batchID: batch.id, position: window.lowerBound)
            }
            place = LedgerPlace(batchID: batch.id + 1, position: 0)
        }
        return nil
    }

    /// The positions of a batch from a place on that a wish may be about.
    private func window(
        of batch: Batch, for jobs: FailedJobs, from place: LedgerPlace
    ) -> Range<Int> {
        let start = batch.id == place.batchID ? min(place.position, batch.count) : 0
        return (start..<batch.count).clamped(to: jobs.positions(in: batch))
    }

    // MARK: - One transaction

    /// Puts some jobs of a wish back, and records how far it got.
    ///
    /// - Parameter onHost: The jobs that are on the host of the wish, where it is about one.
    private func putSomeBack(of id: Int, _ onHost: RunsOnHost?) throws {
        guard let wish = try openWish(id) else { return }
        let codes = try failedCodes(of: wish.jobs)
        var slice = PutBackSlice(codes: codes, timeMax: putBackMax)
        var next: LedgerPlace? = wish.next
        repeat {
            guard let from = next else { break }
            guard let batch = try nextBatch(of: wish.jobs, from: from, codes) else {
                next = nil
                break
            }
            next = LedgerPlace(batchID: batch.id + 1, position: 0)
            let window = window(of: batch, for: wish.jobs, from: from)
            if window.isEmpty { continue }
            var (part, wanted) = (window, [window])
            if wish.jobs.host != nil {
                guard let onHost, onHost.batchID == batch.id,
                    onHost.window.lowerBound == window.lowerBound
                else {
                    // To be looked at first: by the next call, or since another process went on.
                    next = LedgerPlace(batchID: batch.id, position: window.lowerBound)
                    break
                }
                (part, wanted) = (onHost.window.clamped(to: window), onHost.runs)
            }
            let end = try putBack(wanted, in: batch, part, &slice)
            if end < window.upperBound { next = LedgerPlace(batchID: batch.id, position: end) }
        } while !slice.isOver
        try connection.run(
            """
            UPDATE put_back SET next_batch_id = ?2, next_position = ?3, jobs = jobs + ?4
            WHERE id = ?1
            """, .int(id), next.map { .int($0.batchID) } ?? .null, .int(next?.position ?? 0),
            .int(slice.jobs))
    }

    /// The codes of the outcomes that a wish is about.
    private func failedCodes(of jobs: FailedJobs) throws -> [UInt8] {
        let rows = try connection.prepare("SELECT code FROM outcome WHERE state = 'failed'")
        try rows.bind([])
        var known: [UInt8] = []
        while try rows.step() { if let code = UInt8(exactly: rows.int(0)) { known.append(code) } }
        return try known.filter { code in
            try codes.outcome(of: code, in: connection).map { jobs.wants($0) } ?? false
        }
    }

    /// The first batch with failed jobs of a wish that was not cancelled; `nil` when none is left.
    private func nextBatch(
        of jobs: FailedJobs, from place: LedgerPlace, _ codes: [UInt8]
    ) throws -> Batch? {
        let id = try connection.int(
            """
            SELECT batch_id FROM tally CROSS JOIN batch ON batch.id = batch_id
            WHERE batch_id >= ?1 AND (?2 IS NULL OR batch_id = ?2) AND tally.count > 0
                AND outcome IN (SELECT value FROM json_each(?3)) AND cancelled_at_us IS NULL
            ORDER BY batch_id LIMIT 1
            """, .int(place.batchID), jobs.batch.map(Value.int) ?? .null, .text("\(codes)"))
        return try id.map(batch)
    }
}

extension SQLiteQueue {
    public func recordsSupersededMax(of batch: Batch.ID) throws(QueueError) -> Int {
        try read {
            // A queue opened for reading is not migrated.
            guard try schemaVersion() >= 12 else { return 0 }
            return try connection.int("SELECT superseded_max FROM batch WHERE id = ?", .int(batch))
                ?? 0
        }
    }
}
