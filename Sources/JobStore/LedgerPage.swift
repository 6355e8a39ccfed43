/// A place in a queue's order of jobs.
public struct LedgerPlace: Equatable, Sendable {
    public let batchID: Batch.ID
    /// Within the batch, 0 or more.
    public let position: Int

    public init(batchID: Batch.ID, position: Int) {
        self.batchID = batchID
        self.position = position
    }

    /// Before the first job of any queue.
    public static let start = LedgerPlace(batchID: 0, position: 0)
}

/// How some jobs that follow one another stand.
public struct LedgerPage: Sendable {
    /// Jobs of one batch that stand alike.
    public struct Run: Equatable, Sendable {
        public let batch: Batch
        /// Within the batch; half-open, never empty.
        public let positions: Range<Int>
        public let state: JobState
        /// How the last attempt ended; `nil` when there was none. Set also for a job that is being
        /// tried again.
        public let outcome: Outcome?

        public init(batch: Batch, positions: Range<Int>, state: JobState, outcome: Outcome?) {
            self.batch = batch
            self.positions = positions
            self.state = state
            self.outcome = outcome
        }

        /// The IDs of its jobs.
        public var ids: Range<Int> {
            batch.range.first + positions.lowerBound..<batch.range.first + positions.upperBound
        }
    }

    public let runs: [Run]
    /// Where the next page begins; `nil` when there is none.
    public let next: LedgerPlace?

    public init(runs: [Run], next: LedgerPlace?) {
        self.runs = runs
        self.next = next
    }
}

/// Where a job stands.
public enum JobState: String, Sendable, CaseIterable {
    case available, running, retrying, completed, failed
}
