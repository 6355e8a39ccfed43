internal import JobStore

/// One request to make: a position of a batch, and which attempt it is.
struct Job: Sendable {
    let batch: RunningBatch
    let position: Int
    /// Counted from 1.
    let attempt: Int
    var returns = Returns()

    /// How often the job was given back.
    struct Returns {
        /// Times other jobs of its host were answered meanwhile, and the first time.
        var count: UInt32 = 0
        /// What its lane had counted of answers the last time.
        var answersBefore: UInt32 = 0
    }

    /// Whether the trouble may be the job's own, so that this attempt counts.
    var isLastReturn: Bool { returns.count > Lane.returnsMax }

    var id: Int { batch.firstID + position }
}

/// Jobs that follow one another, all at the same attempt: what feed and loops pass on.
struct JobRun: Sendable {
    let batch: RunningBatch
    /// Position of the first job left.
    private(set) var first: Int
    private(set) var count: Int
    let attempt: Int
    /// Of its one job, when that was given back.
    var returns = Job.Returns()

    /// Takes up to `limit` jobs off the front.
    mutating func split(_ limit: Int) -> JobRun {
        let taken = min(limit, count)
        let run = JobRun(
            batch: batch, first: first, count: taken, attempt: attempt, returns: returns)
        first += taken
        count -= taken
        return run
    }

    /// - Precondition: `count` is 1 or more.
    mutating func popFirst() -> Job {
        let job = Job(batch: batch, position: first, attempt: attempt, returns: returns)
        first += 1
        count -= 1
        return job
    }
}
