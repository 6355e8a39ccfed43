/// The shards that a queue was split into.
public struct SplitQueue: Sendable, Equatable {
    /// The number of shards.
    public let count: Int
    /// The absolute path of the folder that they are in: the queue of shard 3 is `3/runner.db`.
    public let folder: String
    /// Whether the queue was split by this call; else one before did, or did all but put the shards
    /// in their places.
    public let isNew: Bool
    /// The jobs of all shards.
    public let counts: QueueCounts
}
