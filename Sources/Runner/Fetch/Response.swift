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

    /// The last response's status; a redirect's when what it leads to did not answer; 0 when none came.
    var status = 0
    /// Redirects that were followed. When there are any, the job's own host has answered.
    var redirects = 0
    /// `nil` when the response is whole; then `status` counts.
    var failure: Failure?
    /// The `Retry-After` header in seconds, as a number or a date says; 0 when there is none.
    var retryAfterSeconds = 0
    /// Whether a name server says that there is no such host.
    var isNameUnknown = false
    /// What libcurl or the name servers say of the failure; empty when there is none.
    var message = ""
    /// Decoded bytes of the body.
    var bodyBytes = 0
}
