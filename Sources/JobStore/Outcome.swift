/// How an attempt ended: a state with an HTTP status, or with the reason there is none that counts.
public struct Outcome: Hashable, Sendable {
    /// Where the job stands after it.
    public enum State: String, Sendable, CaseIterable {
        /// It waits for its next attempt.
        case retrying
        /// It is done.
        case completed
        /// It is given up.
        case failed
    }

    /// Why an attempt failed other than by its status. A bounded set: it is stored and counted.
    public enum Reason: String, Sendable, CaseIterable {
        /// The host's name could not be resolved.
        case dns
        /// No connection: refused, unreachable, or not within `--connect-timeout`.
        case connect
        /// The TLS handshake failed or the certificate is not trusted.
        case tls
        /// Not finished within `--max-time`.
        case timeout
        /// The connection broke before the response was whole.
        case reset
        /// The body is larger than `--max-body`.
        case tooLarge = "too_large"
        /// What came is not HTTP, or does not decode.
        case badResponse = "bad_response"
        /// More than `--max-redirs` redirects, or one to a scheme other than http and https.
        case redirects
        /// The URL the template gives is not one a request can be made to.
        case badURL = "bad_url"
        /// Anything libcurl reports that none of the above names.
        case other
    }

    public let state: State
    /// The HTTP status, 100…999; 0 where `reason` says it.
    public let status: UInt16
    public let reason: Reason?

    public init(_ state: State, status: UInt16) {
        self.state = state
        self.status = status
        self.reason = nil
    }

    public init(_ state: State, _ reason: Reason) {
        self.state = state
        self.status = 0
        self.reason = reason
    }

    /// What people read and count by: `200`, `404`, `timeout`.
    public var label: String { reason?.rawValue ?? String(status) }

    /// The same cause with another state.
    public func becoming(_ state: State) -> Outcome {
        if let reason { Outcome(state, reason) } else { Outcome(state, status: status) }
    }
}
