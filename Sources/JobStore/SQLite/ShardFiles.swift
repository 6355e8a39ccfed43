internal import Glibc

/// A shard of a larger queue, by its file.
struct ShardFile: Sendable {
    /// The path as the user named it.
    let path: String
    let kept: SQLiteQueue.KeptShard
}

/// The queues that hold the shards of one larger queue.
struct ShardFiles: Sendable {
    /// The shards by rising number, each once.
    let files: [ShardFile]

    /// Looks at the queues, one after another.
    ///
    /// - Returns: `nil` when none is a shard.
    /// - Throws: `.unfit` when one is no shard, when they are of different larger queues, or when a
    ///   shard is there twice.
    init?(_ paths: [String]) async throws(QueueError) {
        var files: [ShardFile] = []
        files.reserveCapacity(paths.count)
        var whole: String?
        for path in paths {
            let kept = try await Self.kept(at: path)
            if kept == nil { whole = whole ?? path }
            if let whole, kept != nil || !files.isEmpty {
                throw QueueError(
                    .unfit,
                    "the queue \(whole) is whole, and \(kept == nil ? files[0].path : path) is a shard"
                )
            }
            guard let kept else { continue }
            if let first = files.first,
                first.kept.whole != kept.whole || first.kept.shard.count != kept.shard.count
            {
                throw QueueError(
                    .unfit,
                    "\(first.path) and \(path) are no shards of one queue: they are \(first.kept.text) and \(kept.text)"
                )
            }
            files.append(ShardFile(path: path, kept: kept))
        }
        if files.isEmpty { return nil }
        files.sort { $0.kept.shard.number < $1.kept.shard.number }
        for (one, next) in zip(files, files.dropFirst()) where one.kept.shard == next.kept.shard {
            throw QueueError(
                .unfit, "\(one.path) and \(next.path) both hold shard \(one.kept.shard.text)")
        }
        self.files = files
    }

    private static func kept(at path: String) async throws(QueueError) -> SQLiteQueue.KeptShard? {
        let queue = try SQLiteQueue(path: path, access: .read)
        do throws(QueueError) {
            let kept = try await queue.shardHeld()
            await queue.close()
            return kept
        } catch {
            await queue.close()
            throw error
        }
    }

    /// The number of shards of the larger queue.
    var count: Int { files.first?.kept.shard.count ?? 0 }
    var areAll: Bool { files.count == count }

    /// The numbers of shards that are not there: the first few, as text; `nil` when all are there.
    var missing: String? {
        if areAll { return nil }
        let there = Set(files.map(\.kept.shard.number))
        let missing = (0..<count).lazy.filter { !there.contains($0) }
        let named = missing.prefix(5).map { "\($0)/\(count)" }.joined(separator: ", ")
        let more = count - there.count - 5
        return named + (more > 0 ? " and \(more) more" : "")
    }
}

extension SQLiteQueue {
    func shardHeld() throws(QueueError) -> KeptShard? { try read { try keptShard() } }
}

extension SQLiteQueue.KeptShard {
    /// The shard for people: `3/5 of c0ffee…`.
    fileprivate var text: String {
        shard.text + (whole.isEmpty ? " of a range" : " of the split \(whole.prefix(8))")
    }
}
