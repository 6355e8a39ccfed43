internal import CCurl
internal import Glibc
internal import JobStore

/// Translates libcurl's result codes into what they mean for a job.
enum CurlFailure {
    /// The facts about a transfer that failed.
    struct Report {
        var result: CURLcode
        /// libcurl's error message (`CURLOPT_ERRORBUFFER`), for codes that stand for two things.
        var message = ""
        /// `errno` of a socket that could not be made, or else of a connect that failed.
        var systemError: Int32 = 0
        /// Whether `systemError` is of a socket that could not be made.
        var isOfSocket = false
        /// Whether the request had a connection to be sent on.
        var wasSent = true
    }

    /// The meaning of a failed transfer for its job.
    ///
    /// - SeeAlso: <https://curl.se/libcurl/c/libcurl-errors.html>
    static func meaning(of report: Report) -> Response.Failure {
        if isLocal(report.systemError, ofSocket: report.isOfSocket) {
            return .local(.system(report.systemError))
        }
        return switch report.result {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .reason(.dns)
        case CURLE_COULDNT_CONNECT: .reason(.connect)
        case CURLE_OPERATION_TIMEDOUT: .reason(report.wasSent ? .timeout : .connect)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            .reason(.tls)
        // An answer in HTTP/0.9, which is what libcurl takes anything for that does not begin with
        // a status line.
        case CURLE_UNSUPPORTED_PROTOCOL: .reason(.badResponse)
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE, CURLE_HTTP2,
            CURLE_HTTP2_STREAM:
            .reason(.reset)
        // 7.88 reports a broken connection and broken chunking with one code.
        case CURLE_RECV_ERROR:
            .reason(isBroken(report.message) || hasGivenUp(report) ? .reset : .badResponse)
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING, CURLE_WRITE_ERROR:
            .reason(.badResponse)
        // A trailer that is no field.
        case CURLE_BAD_FUNCTION_ARGUMENT where report.wasSent: .reason(.badResponse)
        // More lines of a head than libcurl takes, 5,000 since 8.14; or one beyond its 100 KB.
        case tooLarge where report.message.contains("Too many response headers"):
            .reason(.tooLarge)
        case tooLarge where report.wasSent: .reason(.badResponse)
        // Before 8.6, this code also stands for such a line if the request was sent: bytes that
        // came from a server are the server's fault.
        case CURLE_OUT_OF_MEMORY: report.wasSent ? .reason(.badResponse) : .local(.system(ENOMEM))
        // The certificates to trust are ours to have: no job is to blame.
        case CURLE_SSL_CACERT_BADFILE: .local(.system(ENOENT))
        case CURLE_URL_MALFORMAT: .reason(.badURL)
        default: .reason(.other)
        }
    }

    /// Whether libcurl made the request again as often as it does, and none of its connections gave
    /// a byte in answer.
    static func hasGivenUp(_ report: Report) -> Bool {
        (report.result == CURLE_RECV_ERROR || report.result == CURLE_SEND_ERROR)
            && report.message.hasPrefix("Connection died")
    }

    /// Whether a handshake broke off, which is the network's doing; one that is refused is not.
    static func isHandshakeCut(_ report: Report) -> Bool {
        report.result == CURLE_SSL_CONNECT_ERROR && isBroken(report.message)
    }

    /// CURLE_TOO_LARGE, since libcurl 8.6.
    private static let tooLarge = CURLcode(100)

    private static func isBroken(_ message: String) -> Bool {
        // Broken chunking is found behind SSL_read, whatever TLS finds is not.
        ["Recv failure", "SSL_read", "SSL_ERROR_SYSCALL", "Connection reset", "unexpected eof"]
            .contains { message.contains($0) }
    }

    /// Whether an error number means that this machine has no descriptors or memory left: no other
    /// job would fare better now.
    ///
    /// An unreachable network does not count as such. libcurl keeps the error of the last address
    /// that it tried, and on a machine without IPv6 that error hides why the others failed.
    ///
    /// - Parameter ofSocket: Whether the error is that of making a socket. Then an interface or
    ///   address to send from may be gone, too.
    static func isLocal(_ number: Int32, ofSocket: Bool = false) -> Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(number)
            || ofSocket && [ENODEV, EADDRNOTAVAIL].contains(number)
    }
}
