internal import JobStore

/// Compares records with the jobs of a queue: each completed job must have exactly one of its
/// completion. Records of failures may be superseded where failed jobs were put back: as many of a
/// batch as were put back, and none behind the record of the job's completion.
struct JobCheck {
    private let ledger: any JobLedger
    private var completed = SeenJobs()
    private var failed = SeenJobs()
    /// The batches that records are about, or that have completed jobs: the IDs of their jobs, and
    /// whether there may be more.
    private var batches: [Batch.ID: (ids: JobRange, mayGrow: Bool)] = [:]
    /// The reason why the queue does not tell the states of jobs; `nil` when it does. If there is
    /// one, records are only counted.
    private(set) var damage: QueueError?
    /// The records that are too many, by the job they are about.
    private(set) var doubled = JobNames()
    /// The records of jobs that are not in the state that the record tells.
    private(set) var wrong = JobNames()
    /// The records of failures, by batch, that must be superseded if nothing is wrong.
    private var superseding: [Batch.ID: Superseding] = [:]
    /// The records that are superseded; known once `settle` was called.
    private(set) var superseded = 0
    /// Whether records come in the order in which they were written.
    var isOrdered: Bool

    private struct Superseding {
        /// Those of jobs that have failed, and have another record.
        var again = JobNames()
        /// Those of jobs that have not failed now.
        var others = JobNames()

        mutating func add(_ record: JobRecord, isAgain: Bool, in file: String) {
            if isAgain {
                again.add(record.id, of: record.batchID, in: file)
            } else {
                others.add(record.id, of: record.batchID, in: file)
            }
        }
    }

    /// The completed jobs, with what is known of their records.
    var completedJobs: SeenJobs { completed }

    /// Completed jobs without a record.
    var missing: JobNames {
        completed.missing { batchID, position in
            guard let ids = batches[batchID]?.ids else {
                preconditionFailure("windows are of batches that are known")
            }
            return ids.id(at: position)
        }
    }

    init(_ ledger: any JobLedger, isOrdered: Bool) {
        self.ledger = ledger
        self.isOrdered = isOrdered
    }

    /// Begins a pass: records from here on belong to a later look at the output.
    mutating func beginPass() {
        completed.beginPass()
        failed.beginPass()
    }

    /// Takes all records of a file.
    ///
    /// - Parameter seen: The number of records at the beginning that were taken before, and are
    ///   only counted.
    /// - Returns: The number of records; the `Damage` that ended them early goes to `complaints`.
    mutating func take(
        _ reader: any RecordReader, skipping seen: Int, of file: String, complaints: Complaints
    ) async throws(QueueError) -> Int {
        var count = 0
        while let record = Self.next(of: reader, complaints) {
            count += 1
            guard count > seen else { continue }
            let (sight, position) = try await sight(of: record)
            if sight == .first { continue }
            if let position, !record.isCompleted,
                !isOrdered || !completed.hasSeen(position, of: record.batchID)
            {
                superseding[record.batchID, default: .init()]
                    .add(record, isAgain: sight == .again, in: file)
            } else if sight == .again {
                doubled.add(record.id, of: record.batchID, in: file)
            } else {
                wrong.add(record.id, of: record.batchID, in: file)
            }
        }
        return count
    }

    private static func next(of reader: any RecordReader, _ complaints: Complaints) -> JobRecord? {
        do throws(Damage) {
            return try reader.next()
        } catch {
            complaints.add(error.description)
            return nil
        }
    }

    /// - Returns: The relation of a record to those before it, and the position of its job; `nil`
    ///   where there is no such job.
    private mutating func sight(
        of record: JobRecord
    ) async throws(QueueError) -> (SeenJobs.Sight, position: Int?) {
        guard damage == nil else { return (.first, nil) }
        do throws(QueueError) {
            // Most records are of a batch that is known: no call is awaited for them.
            var ids = batches[record.batchID]?.ids
            if ids?.position(of: record.id) == nil, batches[record.batchID]?.mayGrow ?? true {
                ids = try await self.ids(of: record.batchID)
            }
            // What is of no job must not make windows: there would be no bound on them.
            guard let position = ids?.position(of: record.id) else { return (.wrong, nil) }
            let sight = see(record, at: position)
            return (
                sight == .unknown ? try await lookUp(record, at: position) : sight, position
            )
        } catch {
            guard error.code == .damaged else { throw error }
            damage = error
            return (.first, nil)
        }
    }

    private mutating func see(_ record: JobRecord, at position: Int) -> SeenJobs.Sight {
        record.isCompleted
            ? completed.see(position, of: record.batchID)
            : failed.see(position, of: record.batchID)
    }

    /// Learns the window of a record, then looks at the record again.
    private mutating func lookUp(
        _ record: JobRecord, at position: Int
    ) async throws(QueueError) -> SeenJobs.Sight {
        let window = SeenJobs.WindowID(batchID: record.batchID, holding: position)
        let state = record.isCompleted ? JobState.completed : .failed
        let contents = try await contents(of: window, for: state)
        if record.isCompleted {
            completed.learn(window, contents)
        } else {
            failed.learn(window, contents)
        }
        return see(record, at: position)
    }

    /// Learns the windows with completed jobs that no record was in.
    mutating func learnTheRest() async throws(QueueError) {
        guard damage == nil else { return }
        do throws(QueueError) {
            try await learnUnknownWindows()
        } catch {
            guard error.code == .damaged else { throw error }
            damage = error
        }
    }

    private mutating func learnUnknownWindows() async throws(QueueError) {
        var place: LedgerPlace? = .start
        while let here = place {
            let page = try await ledger.page(from: here)
            for span in page.spans where span.state == .completed {
                var position = span.positions.lowerBound
                while position < span.positions.upperBound {
                    let window = SeenJobs.WindowID(batchID: span.batch.id, holding: position)
                    if !completed.knows(window) {
                        if batches[span.batch.id] == nil { try await learn(span.batch) }
                        let contents = try await contents(of: window, for: .completed)
                        completed.learn(window, contents)
                    }
                    position = window.positions.upperBound
                }
            }
            place = page.next
        }
    }

    /// Decides which records of failures are superseded, once all records were taken.
    mutating func settle() async throws(QueueError) {
        for (batchID, records) in superseding.sorted(by: { $0.key < $1.key }) {
            let most = try await ledger.recordsSupersededMax(of: batchID)
            let count = records.again.count + records.others.count
            superseded += min(count, most)
            if most == 0 {
                doubled.add(records.again.count, of: records.again)
                wrong.add(records.others.count, of: records.others)
            } else if count > most {
                doubled.add(
                    count - most, of: records.again.count > 0 ? records.again : records.others)
            }
        }
        superseding = [:]
    }

    // MARK: - What the queue says

    /// Reads the states of the jobs of a window.
    private func contents(
        of window: SeenJobs.WindowID, for state: JobState
    ) async throws(QueueError) -> SeenJobs.Contents {
        var contents = SeenJobs.Contents()
        let first = window.positions.lowerBound
        var end = first
        var place: LedgerPlace? = LedgerPlace(batchID: window.batchID, position: first)
        pages: while let here = place {
            let page = try await ledger.page(from: here)
            for span in page.spans {
                guard span.batch.id == window.batchID,
                    span.positions.lowerBound < window.positions.upperBound
                else { break pages }
                end = span.positions.upperBound
                let positions = span.positions.clamped(to: window.positions)
                if span.state == state {
                    contents.members.insert(
                        positions.lowerBound - first..<positions.upperBound - first)
                }
                switch span.state {
                case .completed, .cancelled: break
                // One that has failed may be put back.
                case .available, .running, .retrying, .failed: contents.isFinal = false
                }
            }
            place = page.next
        }
        // A list that is being added has more jobs in its last window later.
        if batches[window.batchID]?.mayGrow ?? false, end < window.positions.upperBound {
            contents.isFinal = false
        }
        return contents
    }

    /// - Returns: `nil` when there is no such batch.
    private mutating func ids(of batchID: Batch.ID) async throws(QueueError) -> JobRange? {
        let page = try await ledger.page(from: LedgerPlace(batchID: batchID, position: 0))
        guard let batch = page.spans.first?.batch, batch.id == batchID else { return nil }
        try await learn(batch)
        return batch.ids
    }

    /// Learns the IDs of a batch, and whether it may have more jobs later, as a list has that is
    /// being added.
    private mutating func learn(_ batch: Batch) async throws(QueueError) {
        // Asked first: one that is complete by then has all its jobs.
        let mayGrow =
            switch batch.source {
            case .range: false
            case .list: try await ledger.unfinishedLists().contains { $0.batch.id == batch.id }
            }
        batches[batch.id] = (batch.ids, mayGrow)
    }
}
