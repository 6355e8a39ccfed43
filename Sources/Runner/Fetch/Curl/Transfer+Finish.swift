internal import CCurl
internal import Glibc
internal import JobStore

/// The end of a request: it is asked again, leads on to another, or ends its job.
extension Transfer {
    /// Ends a request that libcurl is done with, or asks again. The caller has removed the handle
    /// from its multi handle.
    func finished(with result: CURLcode) {
        endHandshake()
        if isRefused(result) { return endRefused() }
        if isAskedAgain(after: result) { return }
        let status = handle.status
        response.status = status
        response.bodyBytes = incoming.pointee.bodyBytes
        measure(status)
        // Sent, not answered, and no connection to send it again on: the server may have acted on it.
        if attempt.wasSent, !content.isIdempotent, result == CURLE_COULDNT_CONNECT {
            attempt.isCutOff = true
        }
        if shard.loop.settings.usesProxies, !attempt.isCutOff,
            let failure = proxyFailure(of: result)
        {
            return end(with: failure)
        }
        let failure = failure(of: result)
        if failure == nil, incoming.pointee.leadsOn { return follow() }
        if let failure {
            response = failed(failure)
            response.message = words(on: result)
            response.isTakenBack = isTakenBack(result)
        }
        if incoming.pointee.hasRetryAfter {
            response.retryAfter = handle.retryAfter(atMicros: shard.loop.now.wallMicros)
        }
        if failure == nil { noteValidators() }
        if let capture { complete(capture) }
        if result == CURLE_OK {
            fitBuffer(to: response.bodyBytes + min(incoming.pointee.headBytes, 4096))
            if response.redirects == 0, handle.reusedConnection { warmHost = job?.host }
        }
        end()
    }

    /// Notes whether a whole response has changed since the validators of its request, and its own
    /// validators.
    ///
    /// These belong to the URL that gave them. So those of a URL that a redirect led to are not kept:
    /// the job's own would be asked for by another one's. Nor are those of a body that was cut: a
    /// crawl that would take all of it were told that nothing has changed.
    private func noteValidators() {
        response.isUnchanged = response.status == 304 && content.isConditional
        guard shard.loop.settings.options.keepsValidators, aside == nil, response.redirects == 0,
            200..<300 ~= response.status, content.takesConditions, !incoming.pointee.isCut
        else { return }
        let read = handle.validators(atMicros: shard.loop.now.wallMicros)
        response.validators = read.kept
        response.isEntityTagLeftOut = read.isTagLeftOut
    }

    /// Adds the facts that are known once a response has ended.
    func complete(_ capture: Capture) {
        capture.isCut = incoming.pointee.isCut
        let started = job?.startedMicros ?? shard.loop.now.monotonicMicros
        capture.durationMicros = Now.read().monotonicMicros - started
        // By a proxy, libcurl knows the proxy's address alone.
        capture.remoteIP = handle.hasProxy ? [] : handle.remoteIP
        capture.httpVersion = handle.httpVersion
        if response.redirects > 0 || shard.loop.settings.archivesRedirects {
            capture.setFinalURL(url.text)
        }
    }

    /// `errno` of a socket that could not be made, or else of a connect that failed.
    func systemError(of result: CURLcode) -> Int32 {
        guard result == CURLE_COULDNT_CONNECT, attempt.socketError == 0 else {
            return attempt.socketError
        }
        // Only then is it this transfer's: libcurl keeps the last one for the handle's life.
        return Int32(truncatingIfNeeded: easy_get_long(easy, CURLINFO_OS_ERRNO))
    }

    private func failure(of result: CURLcode) -> Response.Failure? {
        if let fault = incoming.pointee.fault { return fault }
        if attempt.isCutOff { return .reason(.reset) }
        if result == CURLE_OK || incoming.pointee.isCut || incoming.pointee.isAbandoned {
            return incoming.pointee.faultAtEnd(of: content.method)
        }
        return CurlFailure.meaning(of: report(of: result))
    }

    private func report(of result: CURLcode) -> CurlFailure.Report {
        var report = CurlFailure.Report(result: result)
        report.message = String(cString: message)
        report.systemError = systemError(of: result)
        report.isOfSocket = attempt.socketError != 0
        report.wasSent = handle.isSent
        return report
    }

    /// The words of libcurl on a request that failed; empty where it was not libcurl that refused.
    private func words(on result: CURLcode) -> String {
        // Told by us to stop, libcurl says that it could not write.
        if incoming.pointee.fault != nil || result == CURLE_OK { return "" }
        if attempt.isCutOff { return "not answered, and not to be sent twice" }
        let words = String(cString: message)
        return words.isEmpty ? String(cString: curl_easy_strerror(result)) : words
    }

    // MARK: - Asked again

    /// Asks again at once if libcurl, and no server, is the reason why there is no answer.
    ///
    /// - Returns: Whether the request was made again.
    private func isAskedAgain(after result: CURLcode) -> Bool {
        if isHeadHeldBack || isHeadMixedUp(result), makeRoomForHead() { return true }
        if attempt.sharesConnection, result == CURLE_ABORTED_BY_CALLBACK {
            request.speaksHTTP1 = true
        } else if isStaleConnection(result) {
            // 7.88 can hand out a pooled connection the server has closed. Nothing came back, but
            // the server may have acted on the request: only what may come twice is sent again.
            (request.isSecondTry, request.speaksHTTP1) = (true, false)
            // By HTTP/2 the connection is gone with its streams, which share the next one.
            request.isFresh = !attempt.isHTTP2
            capture?.resetResponse()
        } else if !attempt.lacksAddress || request.starts >= Request.startsMax {
            return false
        }
        start(expectingConnect: true)
        return true
    }

    private func isStaleConnection(_ result: CURLcode) -> Bool {
        guard !request.isSecondTry, !shard.loop.isCancelled, content.isIdempotent else {
            return false
        }
        return switch result {
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            handle.gotNothing && handle.reusedConnection || isTakenBack(result)
        // By HTTP/2, that a connection ended has codes of its own.
        case CURLE_PARTIAL_FILE, CURLE_HTTP2:
            attempt.isHTTP2 && handle.gotNothing
                && (handle.reusedConnection || isTakenBack(result))
        default: false
        }
    }

    /// Whether the server took the request back by HTTP/2, on all connections that libcurl tried.
    ///
    /// libcurl makes a request that was refused (REFUSED_STREAM), or that GOAWAY says was not seen,
    /// again by itself, each sixth time excepted: it counts over the life of the handle. Of a request
    /// that may not come twice, nobody knows whether it was taken back, or cut off.
    private func isTakenBack(_ result: CURLcode) -> Bool {
        guard attempt.isHTTP2, content.isIdempotent, handle.gotNothing else { return false }
        // The other streams of the connection have ended with this one.
        return result == CURLE_HTTP2 || CurlFailure.hasGivenUp(report(of: result))
    }

    // MARK: - Redirects

    /// Requests the URL that the response leads to.
    private func follow() {
        let (asked, before) = (url.text, url.endpoint())
        let status = response.status
        if incoming.pointee.setsCookies { job?.hasCookies = true }
        noteOrigin()
        guard response.redirects < redirectsMax,
            let location = easy_get_field(easy, "Location"), url.follow(location) == CURLUE_OK,
            let endpoint = url.endpoint()
        else {
            if let capture { complete(capture) }
            return end(with: failed(.reason(.redirects)))
        }
        content = content.redirected(by: status, isOtherOrigin: endpoint != before)
        response.redirects += 1
        measures.sums.pointee.requests.redirects += 1
        if let capture {
            complete(capture)
            capture.follow(
                from: asked, status: status, isArchived: shard.loop.settings.archivesRedirects,
                atMicros: shard.loop.now.wallMicros)
        }
        guard mayFollow(to: endpoint) else { return endRefused(wasAsked: false) }
        // Whether there is a connection, only libcurl knows; it says when it needs an address.
        begin(isHTTPS: endpoint.host.isHTTPS, speaksHTTP1: false, expectingConnect: true)
    }

    // MARK: - Heads that libcurl holds back

    /// Whether this libcurl may hold back a part of the head.
    var mayHoldHeadBack: Bool { CurlVersion.holdsHeadsBack && isHTTPS }

    /// Whether libcurl holds more of the head than its buffer took. By HTTP/2 a head comes as a
    /// whole, so that one that has begun and not ended is a sign of this.
    var isHeadHeldBack: Bool {
        isHTTP2 && mayHoldHeadBack && incoming.pointee.isHeadOpen
    }

    /// Whether libcurl may have taken the second part of a head by HTTP/2 for the head's beginning.
    /// libcurl 7.88 does so when the first part filled the buffer while another stream was being
    /// read, and takes the second part for an answer in HTTP/0.9.
    private func isHeadMixedUp(_ result: CURLcode) -> Bool {
        result == CURLE_UNSUPPORTED_PROTOCOL && isHTTP2 && mayHoldHeadBack
    }

    private var isHTTP2: Bool {
        attempt.isHTTP2 || !AuthorityStore.isUsable && handle.httpVersion == .http2
    }

    /// Asks again with a buffer that the head fits in. The caller has taken the request back from
    /// libcurl.
    ///
    /// - Returns: Whether such a buffer is possible, and the request may be sent again.
    func makeRoomForHead() -> Bool {
        guard content.isIdempotent, shard.loop.settings.makeRoomForHeads(beyond: handle.bufferBytes)
        else { return false }
        endHandshake()
        // By HTTP/2 libcurl keeps a handle's buffer while others use its connection: a new handle
        // has none.
        renewHandle(cookies: job?.hasCookies == true ? handle.cookies() : [])
        capture?.resetResponse()
        start(expectingConnect: false)
        return true
    }

    /// Makes room for the largest head there may be, before a request that cannot be sent again.
    func makeRoomForAnyHead() {
        let bytes = shard.loop.settings.headBytesMax + TransferSettings.headMarginBytes
        guard mayHoldHeadBack, handle.bufferBytes < bytes else { return }
        handle.setBuffer(bytes: bytes)
        // Refused while others use its connection: a new handle has none.
        if handle.bufferBytes < bytes {
            renewHandle(cookies: job?.hasCookies == true ? handle.cookies() : [])
            handle.setBuffer(bytes: bytes)
        }
    }
}
