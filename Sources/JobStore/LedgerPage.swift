/// A place in the order of a queue's jobs.
public struct LedgerPlace: Hashable, Sendable {
    public let batchID: Batch.ID
    /// The position within the batch, 0 or more.
    public let position: Int

    public init(batchID: Batch.ID, position: Int) {
        self.batchID = batchID
        self.position = position
    }

    /// The place before the first job of any queue.
    public static let start = LedgerPlace(batchID: 0, position: 0)
}

/// The states of some consecutive jobs of a queue.
public struct LedgerPage: Sendable {
    /// Consecutive jobs of one batch with the same state and outcome.
    public struct Span: Equatable, Sendable {
        public let batch: Batch
        /// The positions of the jobs within the batch; half-open, never empty.
        public let positions: Range<Int>
        public let state: JobState
        /// The outcome of the last attempt; `nil` when there was none, and of jobs that were
        /// cancelled. It is set also for a job that is being tried again.
        public let outcome: Outcome?

        public init(batch: Batch, positions: Range<Int>, state: JobState, outcome: Outcome?) {
            self.batch = batch
            self.positions = positions
            self.state = state
            self.outcome = outcome
        }
    }

    public let spans: [Span]
    /// The place where the next page begins; `nil` when there is none.
    public let next: LedgerPlace?

    public init(spans: [Span], next: LedgerPlace?) {
        self.spans = spans
        self.next = next
    }
}

/// The state of a job (`docs/STATES.md`).
public enum JobState: String, Sendable, CaseIterable {
    case available, running, retrying, completed, failed, cancelled
}
