internal import CCurl
internal import JobStore

/// The proxy of a request.
extension Transfer {
    /// Chooses the proxy for the request's host.
    func chooseProxy() {
        guard let host = url.endpoint()?.host, host != handle.routedHost else { return }
        let proxy = shard.loop.settings.options.proxies.proxy(for: host)
        // libcurl keeps the credentials that a handle once had.
        if handle.hasProxyCredentials, proxy?.credentials == nil {
            renewHandle(cookies: job?.hasCookies == true ? handle.cookies() : [])
        }
        // An address for SOCKS is looked at once the proxy was connected to.
        let seconds = shard.loop.settings.connectMillis / 1000 + 2
        handle.route(host, by: proxy, dnsCacheSeconds: seconds)
    }

    /// Whether the request may go by HTTP/2.
    ///
    /// Not by a proxy that speaks TLS: libcurl 7.88 overlooks what the outer TLS holds for one of
    /// several streams, and the stream waits for ever.
    var offersHTTP2: Bool {
        isHTTPS && shard.loop.settings.options.asksForHTTP2 && handle.proxy?.kind != .https
    }

    /// Whether the name that libcurl is about to look up is an address, which stands for itself.
    ///
    /// By SOCKS with addresses, libcurl looks up the proxy's name and the host's, and does not say
    /// which it means. It was offered those that are names.
    func mayLookUp(_ endpoint: RequestURL.Endpoint, by proxy: Proxy) -> Bool {
        proxy.isAddress || proxy.takesAddressesOnly && endpoint.isAddress
    }

    /// The part that the proxy has in how the request ended; `nil` when it has none.
    func proxyFailure(of result: CURLcode) -> ProxyFailure? {
        guard let proxy = handle.proxy else { return nil }
        let connectStatus = easy_get_long(easy, CURLINFO_HTTP_CONNECTCODE)
        let status = handle.status
        let now = shard.loop.now.monotonicMicros
        let isWell = now - shard.loop.proxyAnsweredMicros < shard.loop.settings.proxyTrustMicros
        if connectStatus != 0 || status != 0 { shard.loop.proxyAnsweredMicros = now }
        let number = systemError(of: result)
        guard result != CURLE_OK || status == 407,
            // What this machine lacks is no fault of the proxy.
            !CurlFailure.isLocal(number, ofSocket: attempt.socketError != 0)
        else { return nil }
        var report = ProxyFailure.Report(result: result)
        report.message = String(cString: message)
        report.isTunnel = isHTTPS || !proxy.isHTTP
        report.connectStatus = connectStatus
        report.status = status
        report.socksError = CURLproxycode(
            UInt32(truncatingIfNeeded: easy_get_long(easy, CURLINFO_PROXY_ERROR)))
        report.systemError = number
        report.wasSent = handle.isSent
        report.answersOthers = isWell
        return ProxyFailure(of: report, by: proxy)
    }

    /// Ends a job whose request the proxy did not bring to its host.
    func end(with proxyFailure: ProxyFailure) {
        response.status = 0
        response = failed(proxyFailure.failure)
        response.message = proxyFailure.message
        if let capture { complete(capture) }
        end()
    }
}
