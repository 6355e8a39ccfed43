internal import CCurl
internal import Glibc
internal import JobStore

/// What libcurl's result codes mean for a job.
enum CurlFailure {
    /// - Parameters:
    ///   - systemError: The last `errno` libcurl or the socket saw; 0 when none.
    ///   - neverSent: The transfer ended before it had a connection to send on.
    /// - SeeAlso: <https://curl.se/libcurl/c/libcurl-errors.html>
    static func meaning(
        of result: CURLcode, systemError: Int32, neverSent: Bool
    ) -> Response.Failure {
        if isLocal(systemError) && neverSent { return .local(systemError) }
        return switch result {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .reason(.dns)
        case CURLE_COULDNT_CONNECT: .reason(.connect)
        case CURLE_OPERATION_TIMEDOUT: .reason(neverSent ? .connect : .timeout)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            // A handshake that breaks off is the network's doing; one that is refused is not.
            .reason(systemError == ECONNRESET ? .reset : .tls)
        case CURLE_TOO_MANY_REDIRECTS, CURLE_UNSUPPORTED_PROTOCOL: .reason(.redirects)
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE: .reason(.reset)
        // 7.88 reports a broken connection and broken chunking with one code.
        case CURLE_RECV_ERROR: .reason(systemError == 0 ? .badResponse : .reset)
        case CURLE_HTTP2, CURLE_HTTP2_STREAM: .reason(.reset)
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING,
            CURLE_WRITE_ERROR:
            .reason(.badResponse)
        case CURLE_OUT_OF_MEMORY: .local(ENOMEM)
        case CURLE_URL_MALFORMAT: .reason(.badURL)
        default: .reason(.other)
        }
    }

    /// Out of descriptors, ports, buffers or network: no other job would fare better now.
    private static func isLocal(_ number: Int32) -> Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, ENETUNREACH, ENETDOWN].contains(number)
    }

}
