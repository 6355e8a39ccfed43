internal import Synchronization

/// A list that is being added without duplicates to a queue in SQLite.
///
/// Each step is a call of the queue of its own, so that a runner in the same process is not held up.
final class SQLiteUniqueImport: UniqueListImport {
    let hashKey: RequestHash.Key
    private let queue: SQLiteQueue
    private let id: Batch.ID
    private let list: SQLiteListImport
    /// The number of hashes added.
    private let added = Locked(0)

    /// The hashes that are looked for in one call.
    private static let askedMax = 1 << 16
    /// The hashes of runs that any import may merge, however few it adds: 32 MB.
    private static let mergedMin = 1 << 21

    init(queue: SQLiteQueue, id: Batch.ID, list: SQLiteListImport, hashKey: RequestHash.Key) {
        self.queue = queue
        self.id = id
        self.list = list
        self.hashKey = hashKey
    }

    func listOutside(after last: Batch.ID) async throws(QueueError) -> Batch? {
        try await queue.listOutsideSet(after: last)
    }

    func takeIn(_ batch: Batch) async throws(QueueError) {
        try await queue.takeIn(batch, by: id)
    }

    func known(_ hashes: [RequestHash]) async throws(QueueError) -> [Bool] {
        var known = [Bool](repeating: false, count: hashes.count)
        let runs = try await queue.runs(for: id)
        for start in stride(from: 0, to: hashes.count, by: Self.askedMax) {
            let asked = hashes[start..<min(start + Self.askedMax, hashes.count)]
            for run in runs { try await queue.look(for: asked, in: run.id, &known) }
        }
        return known
    }

    func add(_ hashes: [RequestHash]) async throws(QueueError) {
        guard !hashes.isEmpty else { return }
        let run = try await queue.beginRun(of: hashes.count, for: id)
        let step = SQLiteQueue.transactionHashesMax
        for start in stride(from: 0, to: hashes.count, by: step) {
            try await queue.add(
                hashes[start..<min(start + step, hashes.count)], toRun: run, for: id)
        }
        added.withLock { $0 += hashes.count }
        try await merge(isOwn: true, hashesMax: .max)
    }

    /// Merges runs of like size, so that their number grows slowly. Large runs wait for a large
    /// list, since a small one is not to be kept waiting by them.
    ///
    /// - Parameters:
    ///   - isOwn: Whether to merge those that go with the list, or else those of the set.
    ///   - hashesMax: The most hashes of runs that are merged.
    ///   - mayStop: Whether to stop when the task is cancelled; then what is half done goes with the
    ///     list.
    private func merge(
        isOwn: Bool, hashesMax: Int, mayStop: Bool = false
    ) async throws(QueueError) {
        while !(mayStop && Task.isCancelled) {
            let runs = try await queue.runs(for: id, isOwn: isOwn)
            guard let chosen = HashMerge.choice(of: runs, hashesMax: hashesMax) else { return }
            var merge = HashMerge(
                of: chosen, into: try await queue.beginRun(of: 0, for: id))
            while try await queue.advance(&merge, for: id) {
                if mayStop, Task.isCancelled { return }
            }
            try await queue.end(merge, for: id, isOwn: isOwn)
            for run in chosen {
                while try await queue.removeSome(ofRun: run.id, for: id) {}
            }
        }
    }

    func tidy() async throws(QueueError) {
        try await merge(isOwn: false, hashesMax: .max, mayStop: true)
    }

    func add(_ blocks: [ListBlock]) async throws(QueueError) { try await list.add(blocks) }

    func finish(
        as label: BatchLabel, hasOneHost: Bool
    ) async throws(QueueError) -> (batch: Batch, isNew: Bool)? {
        // As much work as the list made, so that a small one is not kept waiting by large runs.
        let hashes = added.withLock { $0 }
        if hashes > 0 { try await merge(isOwn: false, hashesMax: max(Self.mergedMin, 8 * hashes)) }
        return try await list.finish(as: label, hasOneHost: hasOneHost)
    }

    func abandon() async { await list.abandon() }
}
