internal import JobStore

/// One request to make: a position of a batch, and the number of the attempt.
struct Job: Sendable {
    let chunk: RequestChunk
    let position: Int
    /// The number of the attempt, counted from 1.
    let attempt: Int
    var returns = Returns()
    var past = Past()
    /// The cohort in which the job was handed out; 0 for none.
    var cohort: UInt32 = 0

    /// The earlier attempts of a job, as the queue tells of them.
    struct Past: Equatable {
        /// Attempts that cost the job nothing (`Mark.isExcused`).
        var excused: UInt32 = 0
        /// The time in µs on the monotonic clock when the first attempt was marked; `nil` before.
        var sinceMicros: Int?
    }

    /// Counts the times that a job was given back.
    struct Returns {
        /// The returns that may be the job's own trouble: its first return, and each later one if
        /// other jobs were answered since the return before.
        var count: UInt32 = 0
        /// The count of answers at the last return.
        var answersBefore: UInt32 = 0
    }

    /// The most returns that may be a job's own trouble. After more of them, the job's next attempt
    /// counts, however it ends.
    static let returnsMax = 5

    /// Whether the trouble may be the job's own, so that this attempt counts.
    var isLastReturn: Bool { returns.count > Self.returnsMax }

    /// The number of this attempt among those that count.
    var countedAttempt: Int { attempt - Int(past.excused) }

    var batchID: Batch.ID { chunk.batch.id }
    var request: JobRequest { chunk.request(at: position) }
    /// All of the job's request but its URL.
    var content: RequestContent { request.content }
    /// The job's ID, which people see.
    var id: Int { request.id }

    /// The same job, for those who may have it for longer than until its mark is in the queue.
    var keepingLine: Job {
        Job(
            chunk: chunk.keepingLine(of: position), position: position, attempt: attempt,
            returns: returns, past: past, cohort: cohort)
    }
}

/// Consecutive jobs of a batch, all at the same attempt, as feed and loops pass them on.
struct JobSpan: Sendable {
    let chunk: RequestChunk
    /// The position of the first job left.
    private(set) var first: Int
    private(set) var count: Int
    let attempt: Int
    /// The returns of the span's one job, when that job was given back.
    var returns = Job.Returns()
    /// The earlier attempts of the span's one job, when that job is tried again.
    var past = Job.Past()
    /// The cohort in which the jobs were handed out; 0 for none.
    var cohort: UInt32 = 0

    /// Takes up to `limit` jobs off the front.
    mutating func split(_ limit: Int) -> JobSpan {
        let taken = min(limit, count)
        let span = JobSpan(
            chunk: chunk, first: first, count: taken, attempt: attempt, returns: returns,
            past: past, cohort: cohort)
        first += taken
        count -= taken
        return span
    }

    /// - Precondition: `count` is 1 or more.
    mutating func popFirst() -> Job {
        let job = Job(
            chunk: chunk, position: first, attempt: attempt, returns: returns, past: past,
            cohort: cohort)
        first += 1
        count -= 1
        return job
    }
}
