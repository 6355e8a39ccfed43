public import JobStore

/// Queues the requests of a batch's jobs once more, as a batch of its own, in memory that does not
/// grow with them.
public struct BatchCopier {
    private let source: Batch
    private let outcomes: [OutcomePattern]
    private let queue: any JobQueue

    /// - Parameters:
    ///   - source: The batch.
    ///   - outcomes: The outcomes of the jobs, completed or failed ones, that are wanted.
    ///   - queue: The queue of the batch.
    public init(of source: Batch, _ outcomes: [OutcomePattern], in queue: any JobQueue) {
        self.source = source
        self.outcomes = outcomes
        self.queue = queue
    }

    /// Adds a batch with the requests of the jobs. Where they are consecutive jobs of a range, it is
    /// a range; else it is a list, whose lines are those of the jobs, or have their IDs as keys.
    ///
    /// - Parameter label: As in `JobQueue.addBatch`.
    /// - Returns: The batch, `nil` when no job has such an outcome, and whether it is new.
    /// - Throws: `ImportError` with code `.badTemplate` where the requests of a list hold the IDs of
    ///   its jobs, which a copy changes.
    public func add(as label: BatchLabel) async throws -> (batch: Batch?, isNew: Bool) {
        switch source.source {
        case .range(let ids, let request):
            if let run = try await onlyRun() {
                let range = JobRange(
                    first: ids.id(at: run.lowerBound), count: run.count, step: ids.step)
                let made = try await queue.addBatch(.range(range, request), as: label)
                return (made.batch, made.isNew)
            }
            let name = TextTemplate.Placeholder.idName
            let lined = try RequestTemplate(
                parsing: request.url, fields: [name], method: request.method,
                headers: request.headers, body: request.body)
            return try await add(
                lined, LineFields([name], key: 0), hasOneHost: request.hasOneHost, label
            ) { try await write(ids, hasOneHost: request.hasOneHost, to: &$0) }
        case .list(let list):
            guard !ImportPlan.usesID(list.request, fields: list.fields.names) else {
                throw ImportError(
                    .badTemplate,
                    "the requests of batch \(source.id) hold {\(TextTemplate.Placeholder.idName)}, the place of a line in its list, so that a copy of some would make other requests; enqueue those lines as a list, or put failed jobs back where they are"
                )
            }
            return try await add(
                list.request, list.fields, hasOneHost: list.hasOneHost, label
            ) { try await writeLines(of: list, to: &$0) }
        }
    }

    /// Adds a batch with the requests of all jobs, whatever became of them, at the same positions.
    ///
    /// A range takes no longer however many jobs it has; the lines of a list are copied as they are
    /// packed.
    ///
    /// - Parameters:
    ///   - source: The batch: a list is complete.
    ///   - label: As in `JobQueue.addBatch`.
    /// - Returns: The batch, and whether it is new.
    public static func copy(
        all source: Batch, in queue: any JobQueue, as label: BatchLabel
    ) async throws -> (batch: Batch, isNew: Bool) {
        guard case .list(let list) = source.source else {
            return try await queue.addBatch(source.source, as: label)
        }
        let copy = try await queue.addList(list.request, list.fields)
        do {
            var blocks: [ListBlock] = []
            var (position, bytes) = (0, 0)
            while position < source.count {
                let block = try await queue.block(holding: position, of: source)
                position = block.positions.upperBound
                blocks.append(block)
                bytes += block.bytes.count
                if blocks.count == CopiedBlocks.blocksMax || bytes >= CopiedBlocks.bytesMax {
                    try await copy.add(blocks)
                    (blocks, bytes) = ([], 0)
                }
            }
            if !blocks.isEmpty { try await copy.add(blocks) }
            guard let made = try await copy.finish(as: label, hasOneHost: list.hasOneHost) else {
                preconditionFailure("a batch has jobs")
            }
            return made
        } catch {
            await copy.abandon()
            throw error
        }
    }

    private func add(
        _ request: RequestTemplate, _ fields: LineFields, hasOneHost: Bool, _ label: BatchLabel,
        write: (inout CopiedBlocks) async throws -> Void
    ) async throws -> (batch: Batch?, isNew: Bool) {
        let list = try await queue.addList(request, fields)
        do {
            var copied = CopiedBlocks(to: list)
            try await write(&copied)
            try await copied.hand()
            let made = try await list.finish(as: label, hasOneHost: hasOneHost)
            return (made?.batch, made?.isNew ?? false)
        } catch {
            await list.abandon()
            throw error
        }
    }

    // MARK: - Jobs

    /// Returns the wanted jobs of a page, and the place of the next page, `nil` after the last.
    private func runs(from place: LedgerPlace) async throws -> ([Range<Int>], LedgerPlace?) {
        let page = try await queue.page(from: place)
        let spans = page.spans.filter { span in
            guard span.batch.id == source.id, let outcome = span.outcome else { return false }
            return (span.state == .completed || span.state == .failed)
                && outcomes.contains { $0.matches(outcome) }
        }
        return (spans.map(\.positions), page.next.flatMap { $0.batchID == source.id ? $0 : nil })
    }

    private var start: LedgerPlace { LedgerPlace(batchID: source.id, position: 0) }

    /// The wanted jobs where they are consecutive; `nil` where they are not, or there are none.
    private func onlyRun() async throws -> Range<Int>? {
        var only: Range<Int>?
        var place: LedgerPlace? = start
        while let from = place {
            let (runs, next) = try await runs(from: from)
            for run in runs {
                guard only?.upperBound ?? run.lowerBound == run.lowerBound else { return nil }
                only = (only?.lowerBound ?? run.lowerBound)..<run.upperBound
            }
            place = next
        }
        return only
    }

    // MARK: - Lines

    /// Writes lines with the IDs of a range's jobs.
    private func write(
        _ ids: JobRange, hasOneHost: Bool, to copied: inout CopiedBlocks
    ) async throws {
        var lane = hasOneHost ? ListLane.sharedMax : 0
        var place: LedgerPlace? = start
        while let from = place {
            let (runs, next) = try await runs(from: from)
            for position in runs.joined() {
                copied.builder.beginLine(fields: 1)
                Array(String(ids.id(at: position)).utf8)
                    .withUnsafeBytes { copied.builder.append($0) }
                guard copied.builder.isFull else { continue }
                try await copied.endBlock(lane: lane)
                // Where the ID is in the host's name, a host has one line: any lane does.
                if !hasOneHost { lane = (lane + 1) % ListLane.sharedMax }
            }
            place = next
        }
        try await copied.endBlock(lane: lane)
    }

    /// Writes the lines of a list's jobs, block by block.
    private func writeLines(of list: JobList, to copied: inout CopiedBlocks) async throws {
        var known: (block: ListBlock, lines: ListLines)?
        var place: LedgerPlace? = start
        while let from = place {
            let (runs, next) = try await runs(from: from)
            for position in runs.joined() {
                if known?.block.positions.contains(position) != true {
                    if let known { try await copied.endBlock(lane: known.block.lane) }
                    let block = try await queue.block(holding: position, of: source)
                    guard let lines = block.lines(), lines.haveFields(list.fields.names.count)
                    else {
                        throw QueueError(
                            .damaged,
                            "the lines of jobs \(block.positions) of batch \(source.id) cannot be read; restore a copy of the queue"
                        )
                    }
                    known = (block, lines)
                }
                guard let known else { continue }
                copied.builder.append(line: position - known.block.first, of: known.lines)
            }
            place = next
        }
        if let known { try await copied.endBlock(lane: known.block.lane) }
    }
}

/// Blocks of copied lines on their way to a list.
private struct CopiedBlocks {
    var builder = ListBlockBuilder()
    private let list: any ListImport
    private let packer = ListPacker()
    private var blocks: [ListBlock] = []
    /// The position of the next block's first job.
    private var next = 0

    /// The most blocks in one transaction.
    static let blocksMax = 64
    /// The most bytes of blocks in one transaction, but for one block more.
    static let bytesMax = 4 << 20

    init(to list: any ListImport) { self.list = list }

    /// Makes a block of the lines that were written, if there are any.
    mutating func endBlock(lane: Int) async throws(QueueError) {
        guard builder.count > 0 else { return }
        let block = builder.take(first: next, lane: lane, packer)
        next = block.positions.upperBound
        blocks.append(block)
        if blocks.count == Self.blocksMax { try await hand() }
    }

    /// Adds the blocks that were made to the list.
    mutating func hand() async throws(QueueError) {
        if !blocks.isEmpty { try await list.add(blocks) }
        blocks = []
    }
}
