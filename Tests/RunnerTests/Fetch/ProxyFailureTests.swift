import CCurl
import Glibc
import JobStore
import Testing

@testable import Runner

@Suite struct ProxyFailureTests {
    /// Whose trouble a failure is.
    enum Blame: Equatable { case proxy, credentials, host, nobody }

    private func blame(_ report: ProxyFailure.Report, _ proxy: String = "http://h:1") throws
        -> Blame
    {
        guard let failure = ProxyFailure(of: report, by: try Proxy(proxy)) else { return .nobody }
        let host = try Proxy(proxy).host
        #expect(failure.message.contains(host), "it names the proxy: \(failure.message)")
        switch failure.failure {
        case .local(.proxy): return .proxy
        case .local(.proxyCredentials): return .credentials
        case .reason(.connect): return .host
        case .local(.system), .reason, .cancelled, .unkept:
            Issue.record("\(failure.failure)")
            return .nobody
        }
    }

    @Test(arguments: [
        (407, Blame.credentials), (403, .host), (502, .host), (503, .host), (504, .host),
    ])
    func anAnswerToCONNECT_isTheHosts_but407(status: Int, whose: Blame) throws {
        let report = ProxyFailure.Report(
            result: CURLE_RECV_ERROR, isTunnel: true, connectStatus: status)
        #expect(try blame(report) == whose)
    }

    @Test func aConnectionThatDoesNotStandInTime_isTheProxys() throws {
        let report = ProxyFailure.Report(result: CURLE_OPERATION_TIMEDOUT, answersOthers: true)
        #expect(try blame(report) == .proxy)
    }

    @Test func a407_isTheProxys_onlyOfARequestThatItAnswersItself() throws {
        let plain = ProxyFailure.Report(result: CURLE_OK, status: 407, wasSent: true)
        #expect(try blame(plain) == .credentials)
        let tunnelled = ProxyFailure.Report(
            result: CURLE_OK, isTunnel: true, connectStatus: 200, status: 407, wasSent: true)
        #expect(try blame(tunnelled) == .nobody)
        let reused = ProxyFailure.Report(
            result: CURLE_OK, isTunnel: true, status: 407, wasSent: true)
        #expect(try blame(reused) == .nobody)
    }

    @Test(arguments: [CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT])
    func aProxyOutOfReach_isNoJobsTrouble(code: CURLcode) throws {
        for isTunnel in [false, true] {
            let report = ProxyFailure.Report(
                result: code, isTunnel: isTunnel, systemError: ECONNREFUSED, answersOthers: true
            )
            #expect(try blame(report) == .proxy)
        }
    }

    @Test(arguments: [
        CURLE_OPERATION_TIMEDOUT, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING,
    ])
    func silence_isTheHosts_whereTheProxyAnswersOthers(code: CURLcode) throws {
        var report = ProxyFailure.Report(result: code, isTunnel: true)
        #expect(try blame(report) == .proxy)
        report.answersOthers = true
        #expect(try blame(report) == .host)
    }

    @Test(arguments: [CURLE_OPERATION_TIMEDOUT, CURLE_RECV_ERROR, CURLE_PEER_FAILED_VERIFICATION])
    func aRequestThatWasSent_orATunnelThatStands_isNoneOfTheProxys(code: CURLcode) throws {
        let sent = ProxyFailure.Report(result: code, wasSent: true)
        #expect(try blame(sent) == .nobody)
        let through = ProxyFailure.Report(
            result: code, isTunnel: true, connectStatus: 200)
        #expect(try blame(through, "https://h:1") == .nobody)
    }

    @Test func tlsBeforeTheTunnel_isTheProxys_whereThatSpeaksTLS() throws {
        let report = ProxyFailure.Report(
            result: CURLE_PEER_FAILED_VERIFICATION, isTunnel: true)
        #expect(try blame(report, "https://h:1") == .proxy)
        #expect(try blame(report, "socks5://h:1") == .nobody)
    }

    @Test(arguments: [
        (CURLPX_REPLY_HOST_UNREACHABLE, Blame.host), (CURLPX_REPLY_CONNECTION_REFUSED, .host),
        (CURLPX_REQUEST_FAILED, .host), (CURLPX_NO_AUTH, .credentials),
        (CURLPX_USER_REJECTED, .credentials), (CURLPX_BAD_VERSION, .proxy), (CURLPX_CLOSED, .proxy),
        (CURLPX_RESOLVE_HOST, .nobody),
    ])
    func ofSOCKS_libcurlSaysWhoseTroubleItIs(code: CURLproxycode, whose: Blame) throws {
        let report = ProxyFailure.Report(
            result: CURLE_PROXY, isTunnel: true, socksError: code)
        #expect(try blame(report, "socks5h://h:1") == whose)
    }
}
