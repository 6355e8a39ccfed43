/// The result of an attempt: a state with an HTTP status, or with the reason that no status counts.
/// A job that was cancelled has one, too, though no attempt ends so.
public struct Outcome: Hashable, Sendable {
    /// The state of the job after the attempt.
    public enum State: String, Sendable, CaseIterable {
        /// The job waits for its next attempt.
        case retrying
        /// The job is done.
        case completed
        /// The job is given up.
        case failed
        /// The job was taken back before it was completed or given up.
        case cancelled
    }

    /// The cause of a failed attempt, other than its status; and the one result of a completed one
    /// that its status does not tell. The set is bounded, since causes are stored and counted.
    public enum Reason: String, Sendable, CaseIterable {
        /// The host's name could not be resolved.
        case dns
        /// No connection: refused, unreachable, or not within `FetchOptions.connectTimeout`.
        case connect
        /// The TLS handshake failed or the certificate is not trusted.
        case tls
        /// The response was not finished within `FetchOptions.timeout`.
        case timeout
        /// The connection broke before the response was whole.
        case reset
        /// The body is larger than `FetchOptions.bodyBytesMax`, or the head than `headBytesMax`.
        case tooLarge = "too_large"
        /// The response is not HTTP, or does not decode.
        case badResponse = "bad_response"
        /// More redirects than `FetchOptions.redirectsMax`, or one to a scheme other than http and https.
        case redirects
        /// A redirect, or a name that changed its mind, leads from a public address to this machine or
        /// a private network.
        case forbiddenAddress = "forbidden_address"
        /// The template gives a URL that no request can be made to.
        case badURL = "bad_url"
        /// The origin's robots.txt disallows the URL: no request was made.
        case robots
        /// The handler of responses failed, or says that the job has.
        case handler
        /// Any other error that libcurl reports.
        case other
        /// The server says that nothing has changed since the validators of the request (304). The
        /// job is completed.
        case unchanged

        /// Those by which attempts fail.
        public static let ofFailures = allCases.filter { $0 != .unchanged }
    }

    public let state: State
    /// The HTTP status, 100…999; 0 when `reason` is set, and of a job that was cancelled.
    public let status: UInt16
    public let reason: Reason?
    /// The name that the handler gave `Reason.handler`; `nil` where it gave none.
    public let handlerReason: HandlerReason?

    public init(_ state: State, status: UInt16) {
        self.state = state
        self.status = status
        reason = nil
        handlerReason = nil
    }

    /// - Parameter name: The handler's own name for the reason, which must be `Reason.handler` then.
    public init(_ state: State, _ reason: Reason, named name: HandlerReason? = nil) {
        precondition(name == nil || reason == .handler, "handlers alone name reasons")
        self.state = state
        status = 0
        self.reason = reason
        handlerReason = name
    }

    /// Reads an outcome as stores keep it.
    ///
    /// - Returns: `nil` where it does not read.
    package init?(_ state: State, status: Int, reason text: String) {
        if let reason = Reason(rawValue: text) {
            self.init(state, reason)
        } else if text.hasPrefix(HandlerReason.labelStart) {
            let name = HandlerReason(String(text.dropFirst(HandlerReason.labelStart.count)))
            self.init(state, .handler, named: name)
        } else if text.isEmpty, let status = UInt16(exactly: status) {
            self.init(state, status: status)
        } else {
            return nil
        }
    }

    /// The reason as stores keep it; empty where the status says it.
    package var storedReason: String {
        guard let reason else { return "" }
        return handlerReason.map { HandlerReason.labelStart + $0.text } ?? reason.rawValue
    }

    /// The outcome of a job whose response has not changed since the validators that it was asked for
    /// by.
    public static let unchanged = Outcome(.completed, .unchanged)

    /// The outcome of a job that was cancelled.
    public static let cancelled = Outcome(.cancelled, status: 0)

    /// The name of the outcome in what people read and in counts: `200`, `404`, `timeout`,
    /// `handler:sold_out`, `cancelled`.
    public var label: String {
        if reason != nil { return storedReason }
        return state == .cancelled ? state.rawValue : String(status)
    }

    /// The same cause with another state.
    public func becoming(_ state: State) -> Outcome {
        if let reason {
            Outcome(state, reason, named: handlerReason)
        } else {
            Outcome(state, status: status)
        }
    }
}
