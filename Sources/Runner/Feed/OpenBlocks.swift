internal import JobStore

/// The blocks of lists that a run holds, and how many of their jobs have no mark yet. Pure.
struct OpenBlocks {
    /// A block that a run holds.
    struct ID: Hashable {
        let batch: Batch.ID
        /// The position of the block's first job.
        let first: Int
    }

    private struct Block {
        let positions: Range<Int>
        let byteCount: Int
        /// Jobs whose first attempt of this run is not marked.
        var left: Int
    }

    /// The blocks of each list, by rising position.
    private var blocks: [Batch.ID: [Block]] = [:]

    /// The bytes of the blocks' lines, unpacked.
    private(set) var byteCount = 0

    mutating func add(_ segment: Segment) {
        guard let block = segment.block else { return }
        let new = Block(
            positions: block.positions, byteCount: block.plainByteCount, left: segment.count)
        byteCount += new.byteCount
        let index = index(of: block.first, in: segment.batch.id)
        blocks[segment.batch.id, default: []].insert(new, at: index)
    }

    /// Takes in the mark of a job's first attempt.
    mutating func marked(_ position: Int, of batch: Batch.ID) {
        guard !blocks.isEmpty, let known = blocks[batch] else { return }
        let index = index(of: position + 1, in: batch) - 1
        guard index >= 0, known[index].positions.contains(position) else { return }
        blocks[batch]?[index].left -= 1
        if blocks[batch]?[index].left == 0 { remove(at: index, of: batch) }
    }

    /// Returns the block that holds a job, and the number of its jobs without a mark.
    func block(of position: Int, _ batch: Batch.ID) -> (id: ID, left: Int)? {
        let index = index(of: position + 1, in: batch) - 1
        guard index >= 0, let block = blocks[batch]?[index], block.positions.contains(position)
        else { return nil }
        return (ID(batch: batch, first: block.positions.lowerBound), block.left)
    }

    mutating func remove(_ id: ID) {
        let index = index(of: id.first, in: id.batch)
        if blocks[id.batch]?.indices.contains(index) == true { remove(at: index, of: id.batch) }
    }

    private mutating func remove(at index: Int, of batch: Batch.ID) {
        byteCount -= blocks[batch]?.remove(at: index).byteCount ?? 0
        if blocks[batch]?.isEmpty == true { blocks[batch] = nil }
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
