/// How one attempt of one job ended, to be recorded.
public struct Mark: Sendable {
    public let batchID: Batch.ID
    /// Of the job within its batch.
    public let position: Int
    /// Which attempt this was, counted from 1. From 2 on the job has a row in `retry`.
    public let attempt: Int
    public let outcome: Outcome
    /// Unix time in µs before which it is not tried again; counts only while `outcome` is retrying.
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
