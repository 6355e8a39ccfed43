internal import JobStore

/// Compares records with the jobs of a queue: each completed job must have exactly one.
struct JobCheck {
    private let ledger: any JobLedger
    private var completed = SeenJobs()
    private var failed = SeenJobs()
    /// The IDs of the batches that records are about.
    private var idsOfBatches: [Batch.ID: Range<Int>] = [:]
    /// The reason why the queue does not tell the states of jobs; `nil` when it does. If there is
    /// one, records are only counted.
    private(set) var damage: QueueError?
    /// The records that are too many, by the job they are about.
    private(set) var doubled = JobNames()
    /// The records of jobs that are not in the state that the record tells.
    private(set) var wrong = JobNames()

    /// Completed jobs without a record.
    var missing: JobNames { completed.missing() }

    init(_ ledger: any JobLedger) { self.ledger = ledger }

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
            switch try await sight(of: record) {
            case .first: break
            case .again: doubled.add(record.id, of: record.batchID, in: file)
            case .wrong, .unknown: wrong.add(record.id, of: record.batchID, in: file)
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

    private mutating func sight(of record: JobRecord) async throws(QueueError) -> SeenJobs.Sight {
        guard damage == nil else { return .first }
        let sight = see(record)
        guard sight == .unknown else { return sight }
        do throws(QueueError) {
            return try await lookUp(record)
        } catch {
            guard error.code == .damaged else { throw error }
            damage = error
            return .first
        }
    }

    private mutating func see(_ record: JobRecord) -> SeenJobs.Sight {
        record.isCompleted
            ? completed.see(record.id, of: record.batchID)
            : failed.see(record.id, of: record.batchID)
    }

    /// Learns the window of a record, then looks at the record again.
    private mutating func lookUp(_ record: JobRecord) async throws(QueueError) -> SeenJobs.Sight {
        // What is of no job must not make windows: there would be no bound on them.
        guard let ids = try await ids(of: record.batchID), ids.contains(record.id) else {
            return .wrong
        }
        let window = SeenJobs.WindowID(batchID: record.batchID, holding: record.id)
        let state = record.isCompleted ? JobState.completed : .failed
        let contents = try await contents(of: window, in: ids, for: state)
        if record.isCompleted {
            completed.learn(window, contents)
        } else {
            failed.learn(window, contents)
        }
        return see(record)
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
                var id = span.ids.lowerBound
                while id < span.ids.upperBound {
                    let window = SeenJobs.WindowID(batchID: span.batch.id, holding: id)
                    if !completed.knows(window) {
                        let contents = try await contents(
                            of: window, in: span.batch.ids(of: 0..<span.batch.count),
                            for: .completed)
                        completed.learn(window, contents)
                    }
                    id = window.ids.upperBound
                }
            }
            place = page.next
        }
    }

    // MARK: - What the queue says

    /// Reads the states of the jobs of a window.
    private func contents(
        of window: SeenJobs.WindowID, in idsOfBatch: Range<Int>, for state: JobState
    ) async throws(QueueError) -> SeenJobs.Contents {
        var contents = SeenJobs.Contents()
        let ids = window.ids.clamped(to: idsOfBatch)
        var place: LedgerPlace? = LedgerPlace(
            batchID: window.batchID, position: ids.lowerBound - idsOfBatch.lowerBound)
        while let here = place {
            let page = try await ledger.page(from: here)
            for span in page.spans {
                guard span.batch.id == window.batchID, span.ids.lowerBound < ids.upperBound else {
                    return contents
                }
                let ids = span.ids.clamped(to: ids)
                if span.state == state {
                    let first = window.ids.lowerBound
                    contents.members.insert(ids.lowerBound - first..<ids.upperBound - first)
                } else if span.state != .completed, span.state != .failed {
                    contents.isFinal = false
                }
            }
            place = page.next
        }
        return contents
    }

    /// - Returns: `nil` when there is no such batch.
    private mutating func ids(of batchID: Batch.ID) async throws(QueueError) -> Range<Int>? {
        if let known = idsOfBatches[batchID] { return known }
        let page = try await ledger.page(from: LedgerPlace(batchID: batchID, position: 0))
        guard let batch = page.spans.first?.batch, batch.id == batchID else { return nil }
        let ids = batch.ids(of: 0..<batch.count)
        idsOfBatches[batchID] = ids
        return ids
    }
}
