internal import JobStore

/// The blocks of lists that a run holds, and how many of their jobs have no mark yet. Pure.
///
/// There is one entry a block, however often the run has claimed it: jobs that were put back while
/// the run held their block are claimed as soon as the others' marks are in the queue, and these
/// marks may be told later.
struct OpenBlocks {
    /// A block that a run holds.
    struct ID: Hashable, Comparable {
        let batch: Batch.ID
        /// The position of the block's first job.
        let first: Int

        static func < (a: ID, b: ID) -> Bool { (a.batch, a.first) < (b.batch, b.first) }
    }

    private struct Block {
        let positions: Range<Int>
        let lane: Int
        /// The bytes of all claims' lines and validators.
        var byteCount: Int
        /// Jobs whose first attempt of this run is not marked, but for those that were let go of.
        var left: Int
        /// Whether the block goes back to the queue once nothing of it is left.
        var isLeaving = false
        /// The lines in memory; `nil` of a block of which there are several claims.
        var lines: Lines?
    }

    /// The lines of a block in memory.
    private struct Lines {
        /// The jobs without a mark, by their distances from the block's first.
        var unmarked: JobBits
        /// The number of lines in memory, and their bytes.
        var count: Int
        var byteCount: Int
        /// `nil` before the segment was read.
        var requests: ListRequests?

        init(_ segment: Segment, of block: ListBlock) {
            unmarked = JobBits(capacity: block.count)
            for run in segment.todo {
                unmarked.insert(run.lowerBound - block.first..<run.upperBound - block.first)
            }
            (count, byteCount) = (block.count, block.plainByteCount)
        }

        /// Whether so few jobs are left that it is worth the time to copy their lines out.
        var areSparse: Bool { unmarked.count <= count / 4 }

        /// Keeps the lines of jobs without a mark alone.
        ///
        /// - Parameter first: The position of the block's first job.
        /// - Returns: The bytes that are free then.
        mutating func shrink(first: Int) -> Int {
            guard let requests else { return 0 }
            let before = byteCount
            count = unmarked.count
            requests.keep(unmarked.first().map { first + $0 })
            byteCount = requests.byteCount
            return before - byteCount
        }
    }

    /// The bytes of lines in memory from which on those of ended jobs are forgotten.
    private let sparseBytes: Int
    /// The blocks of each list, by rising position.
    private var blocks: [Batch.ID: [Block]] = [:]

    /// The bytes of the blocks' lines, unpacked, and of their jobs' validators.
    private(set) var byteCount = 0
    /// The same without blocks that leave: these are in memory until nothing of them is in flight.
    private(set) var stayingByteCount = 0

    init(sparseBytes: Int) { self.sparseBytes = sparseBytes }

    mutating func add(_ segment: Segment) {
        guard let block = segment.block else { return }
        let new = Block(
            positions: block.positions, lane: block.lane,
            byteCount: block.plainByteCount + (segment.validators?.byteCount ?? 0),
            left: segment.count, lines: Lines(segment, of: block))
        byteCount += new.byteCount
        stayingByteCount += new.byteCount
        if let index = blockIndex(of: block.first, segment.batch.id) {
            join(new, atBlock: index, of: segment.batch.id)
            return
        }
        let index = index(of: block.first, in: segment.batch.id)
        blocks[segment.batch.id, default: []].insert(new, at: index)
    }

    /// Adds a further claim to a block. Should the block have been leaving, it stays.
    private mutating func join(_ new: Block, atBlock index: Int, of batch: Batch.ID) {
        let known = blocks[batch]![index]
        if known.isLeaving { stayingByteCount += known.byteCount }
        blocks[batch]![index].byteCount += new.byteCount
        blocks[batch]![index].left += new.left
        blocks[batch]![index].isLeaving = false
        // A mark that is told later may be of either claim.
        blocks[batch]![index].lines = nil
    }

    /// Takes in the lines of a block, which is the same for each of its jobs.
    mutating func read(_ requests: ListRequests, with position: Int, of batch: Batch.ID) {
        guard let index = blockIndex(of: position, batch) else { return }
        guard requests.positions == blocks[batch]![index].positions else {
            // The queue has cut the block in another way since.
            blocks[batch]![index].lines = nil
            return
        }
        blocks[batch]![index].lines?.requests = requests
        shrinkIfSparse(index, of: batch)
    }

    /// Has a block of which few jobs are left take no more memory than these, once there is much in
    /// memory: as long as one of them waits for its host, all lines would stay.
    private mutating func shrinkIfSparse(_ index: Int, of batch: Batch.ID) {
        guard byteCount >= sparseBytes, blocks[batch]![index].lines?.areSparse ?? false else {
            return
        }
        let block = blocks[batch]![index]
        let freed = blocks[batch]![index].lines!.shrink(first: block.positions.lowerBound)
        blocks[batch]![index].byteCount -= freed
        byteCount -= freed
        if !block.isLeaving { stayingByteCount -= freed }
    }

    /// Takes in that a job's first attempt has its mark, or will not be made by this run.
    ///
    /// - Returns: The job's block, if the block was leaving and now can go back to the queue.
    mutating func leave(_ position: Int, of batch: Batch.ID) -> ID? {
        guard !blocks.isEmpty, let index = blockIndex(of: position, batch) else { return nil }
        let first = blocks[batch]![index].positions.lowerBound
        blocks[batch]![index].lines?.unmarked.remove(position - first)
        if blocks[batch]![index].left > 1 { shrinkIfSparse(index, of: batch) }
        return take(1, atBlock: index, of: batch)
    }

    /// Takes in that jobs of a block are ready no more, and will not be handed out by this run.
    mutating func drop(_ span: JobSpan) {
        let batch = span.chunk.batch.id
        guard let index = blockIndex(of: span.first, batch) else { return }
        let first = blocks[batch]![index].positions.lowerBound
        for position in span.first..<span.first + span.count {
            blocks[batch]![index].lines?.unmarked.remove(position - first)
        }
    }

    /// Lets go of the jobs of a block that are ready; what is in flight of it ends first.
    ///
    /// - Parameter jobs: The number of jobs that are ready.
    /// - Returns: The block, if nothing of it is in flight, so that it can go back to the queue.
    mutating func letGo(of id: ID, jobs: Int) -> ID? {
        guard let index = blockIndex(of: id.first, id.batch), blocks[id.batch]?[index] != nil
        else { return nil }
        blocks[id.batch]![index].isLeaving = true
        stayingByteCount -= blocks[id.batch]![index].byteCount
        if blocks[id.batch]![index].left > jobs { shrinkIfSparse(index, of: id.batch) }
        return take(jobs, atBlock: index, of: id.batch)
    }

    private mutating func take(_ jobs: Int, atBlock index: Int, of batch: Batch.ID) -> ID? {
        blocks[batch]![index].left -= jobs
        let block = blocks[batch]![index]
        guard block.left == 0 else { return nil }
        blocks[batch]!.remove(at: index)
        if blocks[batch]!.isEmpty { blocks[batch] = nil }
        byteCount -= block.byteCount
        if block.isLeaving { return ID(batch: batch, first: block.positions.lowerBound) }
        stayingByteCount -= block.byteCount
        return nil
    }

    /// Returns the block that holds a job; `nil` when the run holds none such.
    func block(of position: Int, _ batch: Batch.ID) -> ID? {
        blockIndex(of: position, batch).map {
            ID(batch: batch, first: blocks[batch]![$0].positions.lowerBound)
        }
    }

    /// Whether the block of a job goes back to the queue.
    func isLeaving(_ position: Int, of batch: Batch.ID) -> Bool {
        guard !blocks.isEmpty, let index = blockIndex(of: position, batch) else { return false }
        return blocks[batch]![index].isLeaving
    }

    // MARK: - Jobs that wait

    /// The ready jobs of a block, of which some wait for hosts.
    struct Wait {
        let id: ID
        let lane: ListLane
        let byteCount: Int
        /// Jobs that are ready.
        fileprivate(set) var jobs = 0
        /// Whether some of them wait for no host.
        fileprivate(set) var isPartlyOpen = false
        fileprivate(set) var isOfOneHost = true
        fileprivate var host: Host.ID
    }

    /// Returns the blocks of which something is ready.
    func waits(in lanes: Lanes) -> [Wait] {
        var waits: [ID: Wait] = [:]
        lanes.forEachListed { span, host, isWaiting in
            guard let index = blockIndex(of: span.first, span.chunk.batch.id) else { return }
            let block = blocks[span.chunk.batch.id]![index]
            let id = ID(batch: span.chunk.batch.id, first: block.positions.lowerBound)
            var wait =
                waits[id]
                ?? Wait(
                    id: id, lane: ListLane(batchID: id.batch, number: block.lane),
                    byteCount: block.byteCount, host: host)
            wait.jobs += span.count
            if !isWaiting { wait.isPartlyOpen = true }
            if host != wait.host { wait.isOfOneHost = false }
            waits[id] = wait
        }
        return Array(waits.values)
    }

    // MARK: - Search

    private func blockIndex(of position: Int, _ batch: Batch.ID) -> Int? {
        let index = index(of: position + 1, in: batch) - 1
        guard index >= 0, blocks[batch]![index].positions.contains(position) else { return nil }
        return index
    }

    /// Returns the index of the first block that begins at a position or behind.
    private func index(of position: Int, in batch: Batch.ID) -> Int {
        guard let all = blocks[batch] else { return 0 }
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].positions.lowerBound < position {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
