/// Runs of hashes that are being made one.
///
/// The new run goes with the list that is being added until it is whole; then, in one transaction,
/// it takes the place of the others, which go with the list until they are removed. So whatever is
/// killed, each hash of the set is in a run of the set.
struct HashMerge {
    /// The new run.
    let run: Int
    /// The runs that it takes the place of.
    let replaced: [Int]
    fileprivate var inputs: [Input]
    /// The number of hashes written.
    fileprivate var count = 0
    fileprivate var last: RequestHash?

    /// A run that is read.
    fileprivate struct Input {
        let run: Int
        var page: [RequestHash] = []
        var next = 0
        /// The first hash of the page, by which the next one is found.
        var lowest: RequestHash?
        var isAtEnd = false

        /// Whether the next page is needed.
        var isRead: Bool { next == page.count && !isAtEnd }
        var hash: RequestHash? { next < page.count ? page[next] : nil }
    }

    /// The number of runs that are merged at a time.
    static let width = 8

    init(of runs: [SQLiteQueue.HashRun], into run: Int) {
        self.run = run
        replaced = runs.map(\.id)
        inputs = replaced.map { Input(run: $0) }
    }

    /// Chooses runs to merge: the first eight of one size, by powers of eight, the smallest size
    /// there is.
    ///
    ///     512 runs of 10 hashes, one added after another: 1 of 5,120
    ///
    /// - Parameter hashesMax: The most hashes of these runs.
    /// - Returns: `nil` when there are none.
    static func choice(
        of runs: [SQLiteQueue.HashRun], hashesMax: Int
    ) -> [SQLiteQueue.HashRun]? {
        let sizes = Dictionary(grouping: runs) { run in
            // Three bits are one power of eight.
            (Int.bitWidth - max(run.count, 1).leadingZeroBitCount - 1) / 3
        }
        for (_, same) in sizes.sorted(by: { $0.key < $1.key }) where same.count >= width {
            let chosen = same.sorted { $0.id < $1.id }.prefix(width)
            let hashes = chosen.reduce(0) { $0 + $1.count }
            return hashes <= hashesMax ? Array(chosen) : nil
        }
        return nil
    }
}

extension SQLiteQueue {
    /// Writes some more hashes of a merge.
    ///
    /// - Returns: Whether there may be more.
    func advance(_ merge: inout HashMerge, for id: Batch.ID) throws(QueueError) -> Bool {
        let hashes = try read {
            var hashes: [RequestHash] = []
            hashes.reserveCapacity(Self.transactionHashesMax)
            while hashes.count < Self.transactionHashesMax, let hash = try next(of: &merge) {
                // A hash may be in two runs.
                if hash != merge.last { hashes.append(hash) }
                merge.last = hash
            }
            return hashes
        }
        guard !hashes.isEmpty else { return false }
        try add(hashes[...], toRun: merge.run, for: id)
        merge.count += hashes.count
        return true
    }

    private func next(of merge: inout HashMerge) throws -> RequestHash? {
        var lowest: (hash: RequestHash, index: Int)?
        for index in merge.inputs.indices {
            if merge.inputs[index].isRead {
                try turnPage(of: &merge.inputs[index])
            }
            guard let hash = merge.inputs[index].hash else { continue }
            if let found = lowest?.hash, found <= hash { continue }
            lowest = (hash, index)
        }
        guard let lowest else { return nil }
        merge.inputs[lowest.index].next += 1
        return lowest.hash
    }

    private func turnPage(of input: inout HashMerge.Input) throws {
        let page = try page(of: input.run, after: input.lowest)
        input.isAtEnd = page == nil
        input.page = page ?? []
        input.next = 0
        input.lowest = page?.first ?? input.lowest
    }

    /// Puts the new run in the place of the others.
    ///
    /// - Parameter isOwn: Whether the runs go with the list in any case.
    func end(_ merge: HashMerge, for id: Batch.ID, isOwn: Bool) throws(QueueError) {
        try write {
            try checkAdding(id)
            try connection.run(
                "UPDATE hash_run SET count = ?, batch_id = ? WHERE id = ?", .int(merge.count),
                isOwn ? .int(id) : .null, .int(merge.run))
            for run in merge.replaced {
                try connection.run(
                    "UPDATE hash_run SET batch_id = ? WHERE id = ?", .int(id), .int(run))
            }
        }
    }
}
