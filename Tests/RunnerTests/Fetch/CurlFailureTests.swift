import CCurl
import Glibc
import JobStore
import Testing

@testable import Runner

@Suite struct CurlFailureTests {
    @Test(arguments: [
        (CURLE_COULDNT_RESOLVE_HOST, Outcome.Reason.dns), (CURLE_COULDNT_RESOLVE_PROXY, .dns),
        (CURLE_COULDNT_CONNECT, .connect), (CURLE_OPERATION_TIMEDOUT, .timeout),
        (CURLE_SSL_CONNECT_ERROR, .tls), (CURLE_PEER_FAILED_VERIFICATION, .tls),
        (CURLE_SSL_CERTPROBLEM, .tls), (CURLE_SSL_CIPHER, .tls), (CURLE_SSL_ISSUER_ERROR, .tls),
        (CURLE_SSL_INVALIDCERTSTATUS, .tls),
        (CURLE_SSL_PINNEDPUBKEYNOTMATCH, .tls),
        (CURLE_GOT_NOTHING, .reset), (CURLE_SEND_ERROR, .reset), (CURLE_PARTIAL_FILE, .reset),
        (CURLE_HTTP2, .reset), (CURLE_HTTP2_STREAM, .reset), (CURLE_RECV_ERROR, .badResponse),
        (CURLE_WEIRD_SERVER_REPLY, .badResponse), (CURLE_BAD_CONTENT_ENCODING, .badResponse),
        (CURLE_WRITE_ERROR, .badResponse), (CURLE_UNSUPPORTED_PROTOCOL, .badResponse),
        (CURLE_URL_MALFORMAT, .badURL), (CURLE_FAILED_INIT, .other),
        (CURLE_ABORTED_BY_CALLBACK, .other),
    ])
    func meaning_isTheReason_ofEachCode(code: CURLcode, reason: Outcome.Reason) {
        #expect(CurlFailure.meaning(of: .init(result: code)) == .reason(reason))
    }

    @Test func meaning_ofATimeout_isConnect_whenNothingCouldBeSent() {
        let report = CurlFailure.Report(result: CURLE_OPERATION_TIMEDOUT, wasSent: false)
        #expect(CurlFailure.meaning(of: report) == .reason(.connect))
    }

    @Test(arguments: [
        (CURLE_RECV_ERROR, "Recv failure: Connection reset by peer"),
        (CURLE_RECV_ERROR, "OpenSSL SSL_read: SSL_ERROR_SYSCALL, errno 104"),
        (
            CURLE_RECV_ERROR,
            "OpenSSL SSL_read: error:80000068:system library::Broken pipe, errno 32"
        ),
        (CURLE_RECV_ERROR, "Connection died, tried 5 times before giving up"),
    ])
    func meaning_isReset_whenTheConnectionBroke(code: CURLcode, message: String) {
        let report = CurlFailure.Report(result: code, message: message)
        #expect(CurlFailure.meaning(of: report) == .reason(.reset))
    }

    /// A host whose handshakes break off cannot be reached; its list may be asked for again.
    @Test(arguments: [
        "OpenSSL SSL_connect: Connection reset by peer",
        "error:0A000126:SSL routines::unexpected eof while reading",
    ])
    func meaning_isTLS_whenTheHandshakeBroke(message: String) {
        var report = CurlFailure.Report(result: CURLE_SSL_CONNECT_ERROR, message: message)
        #expect(CurlFailure.meaning(of: report) == .reason(.tls))
        #expect(CurlFailure.isHandshakeCut(report))
        report.message = "error:0A00010B:SSL routines::wrong version number"
        #expect(!CurlFailure.isHandshakeCut(report))
    }

    @Test func meaning_isLocal_whenTheCertificatesToTrustAreMissing() {
        #expect(
            CurlFailure.meaning(of: .init(result: CURLE_SSL_CACERT_BADFILE))
                == .local(.system(ENOENT)))
    }

    @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func meaning_isLocal_whenThisMachineHasNoMoreToGive(number: Int32) {
        let report = CurlFailure.Report(result: CURLE_COULDNT_CONNECT, systemError: number)
        #expect(CurlFailure.meaning(of: report) == .local(.system(number)))
    }

    /// Also without a route: of a host with two addresses only the last one's error is known.
    @Test(arguments: [
        ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT, ECONNRESET, EADDRNOTAVAIL, ENETUNREACH, ENETDOWN,
    ])
    func meaning_isTheHosts_whenItMayBe(number: Int32) {
        let report = CurlFailure.Report(result: CURLE_COULDNT_CONNECT, systemError: number)
        #expect(CurlFailure.meaning(of: report) == .reason(.connect))
    }

    /// libcurl says so, too, of a header line that is longer than it takes.
    @Test func meaning_isLocal_whenMemoryIsOut_beforeAServerHadAPart() {
        let report = CurlFailure.Report(result: CURLE_OUT_OF_MEMORY, wasSent: false)
        #expect(CurlFailure.meaning(of: report) == .local(.system(ENOMEM)))
        let sent = CurlFailure.Report(result: CURLE_OUT_OF_MEMORY, wasSent: true)
        #expect(CurlFailure.meaning(of: sent) == .reason(.badResponse))
        // CURLE_TOO_LARGE, which headers before 8.6 do not have.
        let tooLarge = CurlFailure.Report(result: CURLcode(100), wasSent: true)
        #expect(CurlFailure.meaning(of: tooLarge) == .reason(.badResponse))
        let message = "Too many response headers, 5000 is max"
        let tooMany = CurlFailure.Report(result: CURLcode(100), message: message, wasSent: true)
        #expect(CurlFailure.meaning(of: tooMany) == .reason(.tooLarge))
    }
}
