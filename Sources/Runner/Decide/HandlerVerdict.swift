/// The word of a handler (`ResponseHandler`) on a job whose response it has seen.
public enum HandlerVerdict: Sendable, Equatable {
    /// The job is completed.
    case done
    /// The job is tried again, while it has attempts left: after this wait at the earliest, or after
    /// that of any other failure if it is longer.
    case retry(after: Duration)
    /// The job has failed for good, for this reason in one line. A name that it is, or begins with
    /// before a colon (`HandlerReason`), is part of the job's outcome: `handler:sold_out`.
    case failed(String)
}
