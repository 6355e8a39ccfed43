/// At most 4,096 consecutive jobs of one batch, which is leased and read in as a whole.
public struct Segment: Sendable {
    /// The most jobs a segment holds. A mark rewrites one blob of this many bytes at most.
    public static let countMax = 4096

    public let batch: Batch
    /// Positions within the batch that have no outcome yet, rising, as half-open runs.
    public let todo: [Range<Int>]
    /// The lines of the segment's jobs; `nil` where the batch is no list.
    public let block: ListBlock?
    /// The validators by which the jobs are asked for; `nil` when there are none.
    public let validators: JobValidators?

    public init(
        batch: Batch, todo: [Range<Int>], block: ListBlock? = nil,
        validators: JobValidators? = nil
    ) {
        self.validators = validators
        self.batch = batch
        self.todo = todo
        self.block = block
    }

    /// The number of jobs to do.
    public var count: Int { todo.reduce(0) { $0 + $1.count } }
}

/// A job whose next attempt is due, leased to the runner that claimed it.
public struct DueRetry: Sendable {
    public let batch: Batch
    public let position: Int
    /// Attempts made so far, 1 or more.
    public let attempts: Int
    /// Those of `attempts` that cost the job nothing (`Mark.isExcused`).
    public let excused: Int
    /// The time since the job's first attempt was marked.
    public let age: Duration
    /// A block with the job's line alone; `nil` where the batch is no list.
    public let block: ListBlock?
    /// The validators by which the job is asked for; `nil` when there are none.
    public let validators: JobValidators?

    public init(
        batch: Batch, position: Int, attempts: Int, excused: Int = 0, age: Duration = .zero,
        block: ListBlock? = nil, validators: JobValidators? = nil
    ) {
        self.validators = validators
        self.batch = batch
        self.position = position
        self.attempts = attempts
        self.excused = excused
        self.age = age
        self.block = block
    }
}
