public import JobStore
public import Lists

/// Adds the rows of a list to a queue as they come: a row is available within about a second.
///
/// Jobs are added in transactions that record how far the list was taken, so that another import
/// can go on there, whatever becomes of this one.
public final class ListStreamer {
    /// The longest that a row waits for others of its block.
    private static let waitMax = Duration.seconds(1)
    /// The time for which a pipe must be silent before the clock is looked at.
    private static let patience = Duration.milliseconds(200)
    /// The bytes of packed blocks that are about added in one transaction.
    private static let transactionBytes = 1 << 20

    private let options: ImportOptions
    private let calls: Calls
    private let stop: StopSwitch
    private var gathering = LineGathering(HostLanes(hashedTo: HostLanes.streamedMax), first: 0)
    private var counts = ListImporter.Counts()
    private var taken = TakenPart()
    /// The batch, once it has jobs.
    private var batch: Batch?
    /// The position of the first job that this import adds.
    private var first = 0
    /// The lines that were left out of what was taken of a pipe before.
    private var skippedBefore = 0
    /// The rows that are in the queue, or were rejected before.
    private var committedRecords = 0
    private var committedAt = ContinuousClock.now

    /// - Parameter stop: Ends an import early, with all rows that were read; within some tenths of
    ///   a second where the list is silent.
    public init(_ options: ImportOptions, stop: StopSwitch, calls: Calls) {
        self.options = options
        self.stop = stop
        self.calls = calls
    }

    /// Adds the rows of a list.
    ///
    /// - Parameter format: `nil` to guess it.
    /// - Throws: `ImportError`, `QueueError`, or what a callback throws. Then the rows before may
    ///   have been added; when the list cannot be read any further, all of them were.
    public func add(
        _ list: ListSource, format: ListFormat?, separator: UInt8? = nil, to queue: any JobQueue,
        as target: Target
    ) async throws -> Result {
        counts.list = list.name
        let stream: any ListStream
        let (reader, plan): (ListReader, ImportPlan)
        switch target {
        case .newBatch(let label, let mayRepeat):
            reader = try open(list, format, separator)
            // An empty list has no columns to ask for.
            if reader.columns.isEmpty {
                return result(isComplete: true)
            }
            plan = try self.plan(of: reader, list)
            stream = try await queue.streamList(
                plan.request, plan.fields, from: try ListOrigin(of: list), mayRepeat: mayRepeat,
                as: label)
        case .batch(let known):
            stream = try await queue.resumeList(known.batch.id)
            do {
                // Read again under the right to add: another import may have gone on meanwhile.
                let before = stream.before ?? known
                reader = try open(list, format, separator, behind: before)
                plan = try self.plan(of: reader, list)
                try plan.check(against: before)
                begin(behind: before)
            } catch {
                await stream.leave()
                throw error
            }
        }
        do {
            try calls.began(stream.before)
            if try await take(reader, plan, stream) { return try await finish(reader, stream) }
            try await commit(reader, to: stream)
            await stream.leave()
            return result(isComplete: false)
        } catch {
            await stream.leave()
            throw error
        }
    }

    private func begin(behind before: UnfinishedList) {
        batch = before.batch
        first = before.batch.count
        gathering = LineGathering(HostLanes(hashedTo: HostLanes.streamedMax), first: first)
        taken = before.taken
        committedRecords = taken.records
    }

    private func plan(of reader: ListReader, _ list: ListSource) throws(ImportError) -> ImportPlan {
        try ImportPlan(options, reader.format, columns: reader.columns, of: list.name)
    }

    private func open(
        _ list: ListSource, _ format: ListFormat?, _ separator: UInt8?,
        behind before: UnfinishedList? = nil
    ) throws(ImportError) -> ListReader {
        var listOptions = ListOptions(separator: separator)
        listOptions.patience = Self.patience
        // What was taken of a pipe is counted off row by row.
        let seen = before?.origin == nil ? TakenPart() : before?.taken ?? TakenPart()
        do throws(ListError) {
            return try ListReader(
                source: list, format: format, options: listOptions, startingAt: seen.bytes,
                lineNumber: seen.lines + 1)
        } catch {
            throw ImportError(error)
        }
    }

    // MARK: - Rows

    /// Takes the rows that are not taken yet.
    ///
    /// - Returns: Whether the list has ended; `false` when the import was stopped.
    private func take(
        _ reader: ListReader, _ plan: ImportPlan, _ stream: any ListStream
    ) async throws -> Bool {
        // Nothing waits for others before the first ones are there.
        committedAt = .now - Self.waitMax
        if let before = stream.before, before.origin == nil,
            try !pass(before.taken.records, of: reader)
        {
            return false
        }
        var bytesRead = reader.bytesRead
        while true {
            var mayWait = false
            let row = try await next(reader, stream)
            // Whoever writes to the pipe was stopped, too, and perhaps within this row.
            if reader.byteCount == nil, reader.isOpenEnded, try await isStopped(atEndOf: reader) {
                return false
            }
            switch row {
            case nil: return try await !isStopped(atEndOf: reader)
            case .waiting?: mayWait = true
            case .rejected(let rejection)?:
                taken.records += 1
                try reject(rejection.lineNumber, rejection.description, rejection.excerpt)
            case .row(let row)? where row.isSitemap:
                taken.records += 1
                try reject(
                    reader.lineNumber,
                    "is a sitemap of its own; only an index as a whole is followed",
                    plan.excerpt(of: row))
            case .row(let row)?:
                taken.records += 1
                if let reason = gathering.add(row, plan) {
                    try reject(reader.lineNumber, reason, plan.excerpt(of: row))
                }
            }
            if gathering.expectedBytes >= Self.transactionBytes {
                try await commit(reader, to: stream)
            }
            // The clock and the switch are looked at only where time may have passed.
            guard mayWait || reader.bytesRead != bytesRead else { continue }
            bytesRead = reader.bytesRead
            if stop.isRequested { return false }
            if taken.records > committedRecords, .now - committedAt >= Self.waitMax {
                try await commit(reader, to: stream)
            }
        }
    }

    /// Whether the import is to stop, now that the list has ended.
    ///
    /// One signal from a terminal ends a pipe's writer and asks this process to stop; the end of the
    /// pipe may be seen first.
    private func isStopped(atEndOf reader: ListReader) async throws -> Bool {
        if reader.byteCount == nil { try await Task.sleep(for: .milliseconds(50)) }
        return stop.isRequested
    }

    /// Passes the rows of a pipe that were taken before.
    ///
    /// - Returns: `false` when the import was stopped meanwhile.
    private func pass(_ records: Int, of reader: ListReader) throws(ImportError) -> Bool {
        var passed = 0
        while passed < records {
            if passed & 0xFFF == 0, stop.isRequested { return false }
            let row: ListRow?
            do throws(ListError) { row = try reader.next() } catch { throw ImportError(error) }
            switch row {
            case .row?, .rejected?: passed += 1
            case .waiting?: if stop.isRequested { return false }
            case nil:
                throw ImportError(
                    .otherList,
                    "\(counts.list) has only \(passed) rows, and \(records) of it were taken before; it is another list now"
                )
            }
        }
        skippedBefore = reader.blankLines + reader.comments
        return true
    }

    private func next(_ reader: ListReader, _ stream: any ListStream) async throws -> ListRow? {
        let failure: ListError
        do throws(ListError) { return try reader.next() } catch { failure = error }
        // What was read before the fault is as good as any.
        try await commit(reader, to: stream)
        let error = ImportError(failure)
        guard batch != nil else { throw error }
        throw ImportError(
            error.code, "\(error.description); the \(taken.lines) lines before were taken",
            remedy: .goOn)
    }

    private func reject(_ lineNumber: Int, _ reason: String, _ excerpt: [UInt8]) throws {
        counts.rejected += 1
        try calls.rejected(
            .init(list: counts.list, lineNumber: lineNumber, reason: reason, excerpt: excerpt))
    }

    // MARK: - Transactions

    /// Adds all rows that were taken and are not in the queue yet.
    private func commit(_ reader: ListReader, to stream: any ListStream) async throws {
        note(reader)
        guard taken.records > committedRecords else { return }
        try calls.committing()
        gathering.endAll()
        batch = try await stream.add(gathering.takeBlocks(), taken: taken)
        committedRecords = taken.records
        committedAt = .now
        try calls.progressed(counts)
    }

    private func finish(_ reader: ListReader, _ stream: any ListStream) async throws -> Result {
        note(reader)
        try calls.committing()
        gathering.endAll()
        batch = try await stream.finish(
            gathering.takeBlocks(), taken: taken,
            key: reader.byteCount == nil ? nil : try calls.key(reader.bytesRead))
        try calls.progressed(counts)
        return result(isComplete: true)
    }

    private func result(isComplete: Bool) -> Result {
        Result(
            batch: batch, added: first..<first + gathering.jobs, counts: counts, taken: taken,
            isComplete: isComplete)
    }

    private func note(_ reader: ListReader) {
        // Before the first row of a list that is gone on with, the reader has nothing to say.
        if taken.records > committedRecords {
            taken.lines = reader.nextLineNumber - 1
            taken.bytes = reader.position
        }
        counts.jobs = gathering.jobs
        counts.skipped = reader.blankLines + reader.comments - skippedBefore
        counts.bytesRead = reader.bytesRead
        counts.byteCount = reader.byteCount
    }
}
