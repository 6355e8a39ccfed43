/// A batch with the number of its jobs in each state.
public struct BatchSummary: Sendable, Equatable {
    public let batch: Batch
    /// The name that people call the batch by; `nil` for none.
    public let name: String?
    /// The rank of the batch among others, one of `BatchLabel.priorities`.
    public let priority: Int
    /// The Unix time in µs when the batch was added.
    public let enqueuedAtMicros: Int
    /// The Unix time in µs when the batch was cancelled first; `nil` when it was not.
    public let cancelledAtMicros: Int?
    /// The batch whose jobs' responses led to the requests of this one; `nil` when it was enqueued.
    public let foundIn: Batch.ID?
    /// The counts of the batch's jobs; live runners are not listed.
    public let counts: QueueCounts

    public init(
        batch: Batch, name: String?, priority: Int, enqueuedAtMicros: Int,
        cancelledAtMicros: Int? = nil, foundIn: Batch.ID? = nil, counts: QueueCounts
    ) {
        self.foundIn = foundIn
        self.cancelledAtMicros = cancelledAtMicros
        self.batch = batch
        self.name = name
        self.priority = priority
        self.enqueuedAtMicros = enqueuedAtMicros
        self.counts = counts
    }
}

/// Some batches of a queue, by rising ID.
public struct BatchPage: Sendable {
    public let summaries: [BatchSummary]
    /// The ID where the next page begins; `nil` when there is none.
    public let next: Batch.ID?

    public init(_ summaries: [BatchSummary], next: Batch.ID?) {
        self.summaries = summaries
        self.next = next
    }

    /// The number of batches that a page is asked for where nobody asks for fewer.
    public static let countMax = 1000
}
