internal import JobStore

/// The result of one job's request, redirects included.
struct Response: Sendable {
    /// The reason why there is no whole response.
    enum Failure: Sendable, Equatable {
        case reason(Outcome.Reason)
        /// A fault of this machine or of its proxy, not of the job.
        case local(MachineTrouble)
        /// The runner itself ended the request.
        case cancelled
        /// The head or body could not be put in the temporary file: the run is about to end.
        case unkept
    }

    /// The status of the last request's response; 0 when none came. A redirect's status stays when
    /// the request it leads to was not started.
    var status = 0
    /// The number of redirects that were followed. If there are any, the job's own host has
    /// answered.
    var redirects = 0
    /// `nil` when the response is whole; then `status` counts.
    var failure: Failure?
    /// The wait that the `Retry-After` header asks for, by a number or a date; `nil` when there is
    /// no such header, or it asks for nothing that can be understood.
    var retryAfter: Duration?
    /// Whether a name server says that there is no such host.
    var isNameUnknown = false
    /// The time in µs between two requests that the host's robots.txt asks for; 0 when it asks for
    /// none, or is not honoured.
    var crawlDelayMicros = 0
    /// Whether robots.txt, which was known, disallows the request, so that none was sent for the job.
    var isUnsent = false
    /// Whether this is the answer to the question for the host's robots.txt, which ends the job
    /// though no request was made for it. The user's rules on answers are not meant for it.
    var isOfRobots = false
    /// Whether the server took the request back unseen, as HTTP/2 lets it: by GOAWAY, or by
    /// RST_STREAM with REFUSED_STREAM, on one connection after the other.
    var isTakenBack = false
    /// Whether nothing has changed since the validators that the job was asked for by.
    var isUnchanged = false
    /// The validators of the response, where they are to be kept.
    var validators: Validators?
    /// Whether the response has an entity tag that was to be kept, and is none or too long.
    var isEntityTagLeftOut = false
    /// The words of libcurl or of the name servers about the failure; empty when there are none.
    var message = ""
    /// The number of body bytes, after decoding unless the output keeps the encoding.
    var bodyBytes = 0
}
