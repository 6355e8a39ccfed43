/// The result of one attempt of one job, to be recorded in the queue.
public struct Mark: Sendable {
    public let batchID: Batch.ID
    /// The position of the job within its batch.
    public let position: Int
    /// The number of the attempt, counted from 1. From 2 on, the job is one that waited for a
    /// retry.
    public let attempt: Int
    /// The result of the attempt: never that of a job that was cancelled.
    public let outcome: Outcome
    /// The time from the commit on for which the job is not tried again, `Retry.waitMax` at most;
    /// it counts only while `outcome` is retrying.
    public let wait: Duration
    /// Whether the attempt is no fault of the job's and costs none of its attempts: its host told to
    /// wait, or was in trouble. It counts only while `outcome` is retrying.
    public let isExcused: Bool
    /// The validators of the response, to be kept for a batch that asks for what has changed
    /// (`BatchLabel.conditionalOn`); `nil` when none are.
    public let validators: Validators?

    /// - Precondition: Validators are those of a completed job.
    public init(
        batchID: Batch.ID, position: Int, attempt: Int, outcome: Outcome, wait: Duration = .zero,
        isExcused: Bool = false, validators: Validators? = nil
    ) {
        precondition(
            validators == nil || outcome.state == .completed, "validators are of completed jobs")
        self.validators = validators
        precondition(outcome.state != .cancelled, "no attempt ends as cancelled")
        self.batchID = batchID
        self.position = position
        self.attempt = attempt
        self.outcome = outcome
        self.wait = wait
        self.isExcused = isExcused
    }
}
