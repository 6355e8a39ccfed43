internal import JobStore

/// Puts a list that was added with its duplicates in the set of requests, in memory that does not
/// grow with it.
struct ListHashing {
    private let batch: Batch
    private let queue: any JobQueue

    init(of batch: Batch, in queue: any JobQueue) {
        self.batch = batch
        self.queue = queue
    }

    /// Adds the hashes of all the list's requests to the set.
    ///
    /// - Parameter progressed: Called with the number of lines read since the last call. If it
    ///   throws, so does this method.
    func takeIn(
        by set: any UniqueListImport, progressed: (Int) throws -> Void
    ) async throws {
        switch batch.source {
        case .range: preconditionFailure("the set is of lists alone")
        case .list(let list): try await takeIn(list, by: set, progressed: progressed)
        }
    }

    private func takeIn(
        _ list: JobList, by set: any UniqueListImport, progressed: (Int) throws -> Void
    ) async throws {
        var hasher = RequestHasher(list.request, list.fields, set.hashKey)
        var hashes: [RequestHash] = []
        var position = 0
        while position < list.count {
            let block = try await queue.block(holding: position, of: batch)
            guard let lines = block.lines(), lines.haveFields(list.fields.names.count) else {
                throw QueueError(
                    .damaged, "the lines from \(position) on of batch \(batch.id) cannot be read")
            }
            for index in 0..<lines.count {
                hashes.append(Self.hash(of: lines, index, list, block.first + index, &hasher))
            }
            position = block.positions.upperBound
            if hashes.count >= HeldLines.linesMax || position >= list.count {
                try await set.add(Self.distinct(hashes))
                hashes.removeAll(keepingCapacity: true)
            }
            try progressed(lines.count)
        }
        try await set.takeIn(batch)
    }

    private static func hash(
        of lines: ListLines, _ index: Int, _ list: JobList, _ position: Int,
        _ hasher: inout RequestHasher
    ) -> RequestHash {
        if list.request.isWholeURL, !hasher.readsLines, let url = lines.firstField(ofLine: index) {
            return url.withUnsafeBytes { hasher.hash($0, [], at: position) }
        }
        let fields = lines.fields(ofLine: index)
        let url = list.url(of: fields, at: position)
        return url.withUnsafeBytes { hasher.hash($0, fields, at: position) }
    }

    private static func distinct(_ hashes: [RequestHash]) -> [RequestHash] {
        var distinct: [RequestHash] = []
        for hash in hashes.sorted() where hash != distinct.last { distinct.append(hash) }
        return distinct
    }
}
