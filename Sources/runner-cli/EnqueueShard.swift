import ArgumentParser
import JobStore
import Stores

extension Enqueue {
    /// Queues the jobs of a shard of a range.
    func enqueue(
        _ range: JobRange, _ request: RequestTemplate, _ shard: Shard
    ) async throws -> ExitStatus {
        // In all shards alike: their next batch is to have the same ID in each.
        guard shard.count <= range.count else {
            throw ValidationError(
                "--shard \(shard.text) would leave shards without any of \(range.count) jobs; cut them in \(range.count) shards at most"
            )
        }
        let store = try openFileQueue(at: queue.location, makesMissing: true)
        let (added, addition) = try await using(store) { store -> (Batch, Addition) in
            if let known = try await batch.known(in: store) {
                return (known, try await Addition(of: known, in: store))
            }
            let added = try await store.enqueue(range, request, shard: shard, as: batch.label())
            return (added, .new)
        }
        return try report(added, addition)
    }
}
