internal import CCurl
internal import Glibc
internal import JobStore

/// The meaning of a failed request by a proxy: the proxy's trouble, that of the host behind it, or
/// none of which the proxy is a part. Pure.
struct ProxyFailure: Equatable {
    let failure: Response.Failure
    let message: String

    /// The facts about a request that had a proxy.
    struct Report {
        var result: CURLcode
        /// libcurl's error message.
        var message = ""
        /// Whether the proxy was asked for a connection to the host, by CONNECT or SOCKS.
        var isTunnel = false
        /// The status of the answer to CONNECT; 0 when there was none.
        var connectStatus = 0
        /// The status of the response; 0 when there was none.
        var status = 0
        /// libcurl's detail of what went wrong with SOCKS.
        var socksError = CURLPX_OK
        /// `errno` of a connect that failed; 0 when none is known.
        var systemError: Int32 = 0
        /// Whether the request was sent.
        var wasSent = false
        /// Whether the proxy has answered other requests of late.
        var answersOthers = false
    }

    /// - Returns: `nil` when the proxy has no part in how the request ended.
    init?(of report: Report, by proxy: Proxy) {
        let name = "the proxy \(proxy.text)"
        let credentials =
            proxy.credentials == nil ? "asks for credentials" : "refuses the credentials"
        func trouble(_ what: String) -> Self { Self(proxy: "\(name) \(what)") }
        let locked = Self(
            failure: .local(.proxyCredentials), message: "\(name) \(credentials)")
        switch (report.result, report.connectStatus) {
        case (_, 407): self = locked
        case (_, 300...): self.init(host: "\(name) answers CONNECT with \(report.connectStatus)")
        case (_, 200..<300): return nil
        case _ where report.status == 407 && !report.isTunnel: self = locked
        // Also where the request was sent before, on a connection that was closed: libcurl connects
        // anew by itself, and always to the proxy.
        case (CURLE_COULDNT_RESOLVE_PROXY, _): self = trouble("cannot be found")
        case (CURLE_COULDNT_CONNECT, _):
            let reason =
                report.systemError == 0
                ? report.message : String(cString: strerror(report.systemError))
            self = trouble("cannot be connected to: \(reason)")
        case _ where report.wasSent: return nil
        case (CURLE_OPERATION_TIMEDOUT, _) where !report.isTunnel:
            self = trouble("takes no connection within the connect timeout")
        case (CURLE_PROXY, _):
            guard let failure = Self(ofSOCKS: report, name, locked) else { return nil }
            self = failure
        case (CURLE_OPERATION_TIMEDOUT, _):
            self.init(ofSilence: "\(name) gives no connection to the host in time", report)
        case (CURLE_SSL_CONNECT_ERROR, _), (CURLE_PEER_FAILED_VERIFICATION, _):
            // Before a tunnel stands, the only TLS there is is the proxy's own.
            guard proxy.kind == .https else { return nil }
            self = trouble("and this machine do not agree on TLS: \(report.message)")
        case (CURLE_RECV_ERROR, _), (CURLE_SEND_ERROR, _), (CURLE_GOT_NOTHING, _):
            guard report.isTunnel else { return nil }
            self.init(ofSilence: "\(name) closes the connection without an answer", report)
        default: return nil
        }
    }

    private init(failure: Response.Failure, message: String) {
        self.failure = failure
        self.message = message
    }

    /// Trouble of the proxy.
    private init(proxy message: String) {
        self.init(failure: .local(.proxy), message: message)
    }

    /// Trouble of the host behind the proxy.
    private init(host message: String) {
        self.init(failure: .reason(.connect), message: message)
    }

    /// Trouble of the proxy, or of a host that the proxy cannot reach. A proxy that answers others is
    /// well.
    private init(ofSilence message: String, _ report: Report) {
        if report.answersOthers {
            self.init(host: message)
        } else {
            self.init(proxy: message)
        }
    }

    private init?(ofSOCKS report: Report, _ name: String, _ locked: Self) {
        switch report.socksError {
        // Of a name that we look up: it was not offered, and `Transfer` asks again.
        case CURLPX_RESOLVE_HOST: return nil
        case CURLPX_REPLY_GENERAL_SERVER_FAILURE, CURLPX_REPLY_NOT_ALLOWED,
            CURLPX_REPLY_NETWORK_UNREACHABLE, CURLPX_REPLY_HOST_UNREACHABLE,
            CURLPX_REPLY_CONNECTION_REFUSED, CURLPX_REPLY_TTL_EXPIRED,
            CURLPX_REPLY_ADDRESS_TYPE_NOT_SUPPORTED, CURLPX_REPLY_UNASSIGNED,
            CURLPX_REQUEST_FAILED, CURLPX_LONG_HOSTNAME:
            self.init(host: "\(name) does not connect to the host: \(report.message)")
        case CURLPX_NO_AUTH, CURLPX_USER_REJECTED, CURLPX_IDENTD, CURLPX_IDENTD_DIFFER:
            self = locked
        case CURLPX_CLOSED, CURLPX_RECV_ADDRESS, CURLPX_RECV_AUTH, CURLPX_RECV_CONNECT,
            CURLPX_RECV_REQACK, CURLPX_SEND_AUTH, CURLPX_SEND_CONNECT, CURLPX_SEND_REQUEST:
            self.init(ofSilence: "\(name) closes the connection without an answer", report)
        default:
            self.init(proxy: "\(name) does not speak SOCKS as it should: \(report.message)")
        }
    }
}
