/// The result of one attempt of one job, to be recorded in the queue.
public struct Mark: Sendable {
    public let batchID: Batch.ID
    /// The position of the job within its batch.
    public let position: Int
    /// The number of the attempt, counted from 1. From 2 on the job has a row in the table `retry`.
    public let attempt: Int
    public let outcome: Outcome
    /// The Unix time in µs before which the job is not tried again; it counts only while `outcome`
    /// is retrying.
    public let notBeforeMicros: Int

    public init(
        batchID: Batch.ID, position: Int, attempt: Int, outcome: Outcome, notBeforeMicros: Int = 0
    ) {
        self.batchID = batchID
        self.position = position
        self.attempt = attempt
        self.outcome = outcome
        self.notBeforeMicros = notBeforeMicros
    }
}
