internal import JobStore

/// What came of one request.
struct Response: Sendable {
    /// Why there is no whole response.
    enum Failure: Sendable, Equatable {
        case reason(Outcome.Reason)
        /// This machine's trouble, not the job's: out of descriptors or memory, or certificates it cannot read.
        case local(Int32)
        /// Cut short by us.
        case cancelled
        /// Its body could not be kept: the run is about to end.
        case unkept
    }

    /// The final response's status after redirects; 0 when none came.
    var status = 0
    /// `nil` when the response is whole; then `status` counts.
    var failure: Failure?
    /// The `Retry-After` header in seconds, as a number or a date says; 0 when there is none.
    var retryAfterSeconds = 0
    /// Decoded bytes of the body.
    var bodyBytes = 0
}
