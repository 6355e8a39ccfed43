internal import CCrypto
internal import CCurl
internal import Glibc
internal import JobStore

/// Makes a worker's requests, one after another. The worker keeps its transfer, so that the
/// handle's options are set once and the connection stays warm. Used on its loop's thread only.
///
/// A job takes one request, or several when it is redirected. Each request is looked up, sent and
/// judged by itself.
final class Transfer {
    private var handle = CurlHandle()
    var easy: UnsafeMutableRawPointer { handle.easy }
    private(set) var shard: Shard
    /// The number that tells which of the loop's shards the transfer belongs to.
    private let number: Int
    private var waiting: UnsafeContinuation<Response, Never>?
    private var response = Response()
    /// The response to the request under way. The functions that libcurl calls get a pointer to
    /// this value alone. With a pointer to the transfer, Swift would check each access to a class's
    /// property at run time, and each line of a head comes twice: that took 4,000 instructions a
    /// request. Used on the loop's thread only.
    private let incoming = UnsafeMutablePointer<IncomingResponse>.allocate(capacity: 1)
    /// The part of the response that is kept; `nil` when nothing is.
    private(set) var capture: Capture?
    private var batch: Batch.ID?
    private var url = RequestURL()
    /// When the job's first request began, in µs on the monotonic clock; `nil` while no job is
    /// under way.
    private var startedMicros: Int?
    /// When the request under way began to wait for a connection, in µs on the monotonic clock.
    private var connectSinceMicros = 0
    /// The name that is being looked up; `nil` when none is.
    private var lookedUpName: String?
    /// The handshake that the request may make: its number, and the key of the host.
    private var handshake: (key: Int, number: Int)?
    /// The key of the host that the request waits to connect to while others connect; `nil` when it
    /// does not wait.
    private var heldBackFrom: Int?
    /// The number of times that the request under way was given to libcurl.
    private var starts = 0
    private var isSecondTry = false
    private var isHTTPS: Bool?
    /// The batch of the last response if it came whole on a connection that existed before;
    /// otherwise `nil`. The next request of the batch is likely to find that connection, too.
    private var warmBatch: Batch.ID?
    /// The batch whose host was seen to speak HTTP/1.1 by HTTPS.
    private var http1Batch: Batch.ID?
    /// Whether the host of the request under way was seen to speak HTTP/1.1 by HTTPS.
    private var speaksHTTP1 = false
    private var attempt = Attempt()
    private var hasCookies = false

    /// Facts that were found out since the request was last given to libcurl.
    private struct Attempt {
        /// Whether libcurl asked for an address because it had none for the host, as when a request
        /// was to go on an existing connection.
        var lacksAddress = false
        /// Whether the request's connection speaks HTTP/2.
        var isHTTP2 = false
        /// Whether libcurl was about to send the request on a connection that belongs to another
        /// request.
        var sharesConnection = false
        /// `errno` of a socket that could not be made; 0 when there was none.
        var socketError: Int32 = 0
    }

    /// The buffer for libcurl's error message; at least CURL_ERROR_SIZE bytes.
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    private lazy var noteOpenHead: () -> Void = { [unowned self] in shard.loop.noteOpenHead(self) }

    var isInFlight: Bool { waiting != nil && !hasEnded }
    private var hasEnded = false

    /// The most times that a request is given to libcurl. Each time but the last, it may lack an
    /// address.
    private static let startsMax = 3
    /// The most bytes of a head that a handle may keep; a handle that holds more is made anew.
    /// libcurl keeps the lines of a head until the handle's next request starts.
    private static let headBytesKept = 64 << 10

    /// - Parameter number: The number that tells which of the loop's shards the transfer belongs
    ///   to.
    init(loop: EventLoop, number: Int) {
        self.number = number
        shard = loop.shard(number, isHTTPS: false)
        incoming.initialize(to: IncomingResponse(loop.settings))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        renewCapture()
        setUp()
        shard.register(self)
    }

    /// Frees the handle and the memory of the transfer.
    func close() {
        shard.unregister(self)
        handle.close()
        incoming.deinitialize(count: 1)
        incoming.deallocate()
        message.deallocate()
    }

    // MARK: - A job's requests

    /// Makes the job's request, and the requests that redirects lead to. Suspends the worker once.
    func fetch(_ job: Job) async -> Response {
        await withUnsafeContinuation { continuation in
            waiting = continuation
            hasEnded = false
            response = Response()
            capture?.reset()
            capture?.startedMicros = shard.loop.now.wallMicros
            if shard.loop.isCancelled { return end(with: Response(failure: .cancelled)) }
            if let failure = setURL(job) { return end(with: Response(failure: failure)) }
            let isWarm = job.batch.id == warmBatch && job.batch.hasOneHost
            warmBatch = nil
            // A new connection may speak another version.
            speaksHTTP1 = isWarm && job.batch.id == http1Batch
            batch = job.batch.id
            startedMicros = shard.loop.now.monotonicMicros
            begin(isHTTPS: job.batch.isHTTPS, expectingConnect: !isWarm)
        }
    }

    private func setURL(_ job: Job) -> Response.Failure? {
        switch url.set(to: job, shard.loop.settings) {
        case CURLUE_OK: return nil
        case CURLUE_OUT_OF_MEMORY: return .local(ENOMEM)
        default: return .reason(.badURL)
        }
    }

    /// Begins a request for the URL in `url`.
    private func begin(isHTTPS: Bool, expectingConnect: Bool) {
        setScheme(isHTTPS: isHTTPS)
        (starts, isSecondTry) = (0, false)
        start(expectingConnect: expectingConnect)
    }

    /// Gives the request to libcurl, with an address if libcurl will need one.
    private func start(expectingConnect: Bool) {
        incoming.pointee.reset(keepingIn: capture, headBegins: mayHoldHeadBack ? noteOpenHead : nil)
        attempt = Attempt()
        connectSinceMicros = shard.loop.now.monotonicMicros
        let settings = shard.loop.settings
        handle.setScope(url.scope)
        handle.setFresh(isSecondTry)
        handle.ask(forHTTP2: isHTTPS == true && !speaksHTTP1)
        handle.setSendBuffer(bytes: settings.sendBufferBytes(forURLOf: url.bytesMax))
        handle.limitConnecting(
            toMillis: expectingConnect ? settings.connectMillis : settings.sentMillis)
        if expectingConnect, let endpoint = url.endpoint(), !endpoint.isAddress {
            guard let answer = shard.loop.resolver.answer(for: endpoint.name) else {
                lookedUpName = endpoint.name
                return shard.loop.resolver.ask(endpoint.name, for: self)
            }
            guard case .addresses(let addresses) = answer else { return fail(of: answer) }
            handle.offer(addresses, for: endpoint)
        }
        connect(expectingConnect: expectingConnect)
    }

    private func connect(expectingConnect: Bool) {
        endHandshake()
        if expectingConnect, isHTTPS == true, let key = url.endpoint()?.key {
            let number = shard.loop.sessions.beginHandshake(
                with: key, for: self, at: shard.loop.now)
            guard let number else {
                heldBackFrom = key
                return
            }
            handshake = (key, number)
        }
        addToShard()
    }

    private func addToShard() {
        starts += 1
        if !shard.add(self) { end(with: failed(.reason(.other))) }
    }

    private func endHandshake() {
        guard let handshake else { return }
        shard.loop.sessions.handshakeEnded(handshake.number, with: handshake.key)
        self.handshake = nil
    }

    private func fail(of answer: NameAnswer) {
        var response = failed(.reason(.dns))
        switch answer {
        case .addresses: break
        case .noSuchName:
            response.isNameUnknown = true
            response.message = "there is no such name"
        case .trouble(let what): response.message = "no name server answers: \(what)"
        }
        // libcurl was not asked: what it knows is of the request before.
        if let capture, let startedMicros {
            capture.durationMicros = Now.read().monotonicMicros - startedMicros
        }
        end(with: response)
    }

    /// The response as far as it is known, with the reason why there is no more of it.
    private func failed(_ failure: Response.Failure) -> Response {
        var failed = response
        failed.failure = failure
        return failed
    }

    private func setScheme(isHTTPS new: Bool) {
        guard isHTTPS != new else { return }
        isHTTPS = new
        let home = shard.loop.shard(number, isHTTPS: new)
        if home !== shard {
            shard.unregister(self)
            shard = home
            shard.register(self)
        }
        fitBuffer(to: 0)
    }

    // MARK: - How long it takes
    //
    // libcurl keeps the timers of all transfers of a multi handle in one tree, and goes through it
    // several times a request, from transfer to transfer and so from cache miss to cache miss.
    // Looking at each transfer when the first may be overdue costs next to nothing.

    /// When the request has taken too long, in µs on the monotonic clock; `nil` while nothing is
    /// under way.
    var deadlineMicros: Int? {
        guard let startedMicros else { return nil }
        let settings = shard.loop.settings
        let end = startedMicros + settings.maxTimeMicros
        guard heldBackFrom == nil, lookedUpName != nil || !handle.isSent else { return end }
        return min(end, connectSinceMicros + settings.connectTimeoutMicros)
    }

    /// Ends a request that has taken too long. The caller has taken it back from libcurl.
    func timedOut() {
        if heldBackFrom != nil { return end(with: failed(.reason(.timeout))) }
        guard lookedUpName != nil else { return finished(with: CURLE_OPERATION_TIMEDOUT) }
        fail(of: .trouble("within the connect timeout"))
    }

    // MARK: - How it ends

    /// Ends a request that libcurl is done with, or asks again. The caller has removed the handle
    /// from its multi handle.
    func finished(with result: CURLcode) {
        endHandshake()
        if isAskedAgain(after: result) { return }
        response.status = handle.status
        response.bodyBytes = incoming.pointee.bodyBytes
        let failure = failure(of: result)
        if failure == nil, incoming.pointee.leadsOn { return follow() }
        if let failure {
            response = failed(failure)
            response.message = String(cString: message)
        }
        if Judge.isWorthRetrying(response.status), let text = easy_get_field(easy, "Retry-After") {
            response.retryAfterSeconds = RetryAfter.seconds(
                in: text, atSeconds: shard.loop.now.wallMicros / 1_000_000)
        }
        if let capture { complete(capture) }
        if result == CURLE_OK {
            fitBuffer(to: response.bodyBytes + min(incoming.pointee.headBytes, 4096))
            if response.redirects == 0, handle.reusedConnection {
                warmBatch = batch
            }
        }
        end()
    }

    /// Asks again at once if libcurl, and no server, is the reason why there is no answer.
    ///
    /// - Returns: Whether the request was made again.
    private func isAskedAgain(after result: CURLcode) -> Bool {
        if isHeadHeldBack || isHeadMixedUp(result), makeRoomForHead() { return true }
        if attempt.sharesConnection, result == CURLE_ABORTED_BY_CALLBACK {
            speaksHTTP1 = true
        } else if isStaleConnection(result) {
            // 7.88 can hand out a pooled connection the server has closed. Nothing came and the
            // server answers nothing twice.
            (isSecondTry, speaksHTTP1) = (true, false)
            capture?.resetResponse()
        } else if !attempt.lacksAddress || starts >= Self.startsMax {
            return false
        }
        start(expectingConnect: true)
        return true
    }

    /// Requests the URL that the response leads to.
    private func follow() {
        let asked = url.text
        let status = response.status
        hasCookies = hasCookies || incoming.pointee.setsCookies
        guard response.redirects < shard.loop.settings.maxRedirects,
            let location = easy_get_field(easy, "Location"), url.follow(location) == CURLUE_OK,
            let endpoint = url.endpoint()
        else {
            if let capture { complete(capture) }
            return end(with: failed(.reason(.redirects)))
        }
        response.redirects += 1
        if let capture {
            complete(capture)
            capture.follow(
                from: asked, status: status, isArchived: shard.loop.settings.archivesRedirects,
                atMicros: shard.loop.now.wallMicros)
        }
        speaksHTTP1 = false
        // Whether there is a connection, only libcurl knows; it says when it needs an address.
        begin(isHTTPS: endpoint.isHTTPS, expectingConnect: true)
    }

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

    private var mayHoldHeadBack: Bool { CurlVersion.holdsHeadsBack && isHTTPS == true }
    private var isHTTP2: Bool {
        attempt.isHTTP2 || !AuthorityStore.isUsable && handle.httpVersion == .http2
    }

    /// Asks again with a buffer that the head fits in. The caller has taken the request back from
    /// libcurl.
    ///
    /// - Returns: Whether such a buffer is possible.
    func makeRoomForHead() -> Bool {
        guard shard.loop.settings.makeRoomForHeads(beyond: handle.bufferBytes) else { return false }
        // By HTTP/2 libcurl keeps a handle's buffer while others use its connection: a new handle
        // has none.
        renewHandle()
        setScheme(isHTTPS: true)
        capture?.resetResponse()
        start(expectingConnect: false)
        return true
    }

    /// Makes the buffer for the next response as large as a response of `response` bytes needs.
    private func fitBuffer(to response: Int) {
        let isHTTPS = isHTTPS ?? false
        let fitting = max(
            TransferSettings.bufferBytes(for: response, isHTTPS: isHTTPS),
            isHTTPS ? shard.loop.settings.headBytesMin : 0)
        handle.setBuffer(bytes: fitting)
    }

    func end(with response: Response) {
        self.response = response
        end()
    }

    private func end() {
        hasEnded = true
        startedMicros = nil
        if let name = lookedUpName { shard.loop.resolver.forget(self, askingFor: name) }
        (lookedUpName, heldBackFrom) = (nil, nil)
        endHandshake()
        incoming.pointee.end()
        // Jobs share no cookies.
        if incoming.pointee.setsCookies || hasCookies { handle.dropCookies() }
        hasCookies = false
        if incoming.pointee.heldBytes > Self.headBytesKept { renewHandle() }
        incoming.pointee.releaseHead()
        shard.loop.noteEnded(self)
    }

    private func renewHandle() {
        let cookies = hasCookies ? handle.cookies() : []
        handle.close()
        handle = CurlHandle()
        handle.add(cookies: cookies)
        isHTTPS = nil
        setUp()
    }

    /// Gives the next response a capture of its own.
    func renewCapture() { capture = shard.loop.settings.keeping.map { Capture($0.limits) } }

    /// Adds the facts that are known once a response has ended.
    private func complete(_ capture: Capture) {
        capture.isCut = incoming.pointee.isCut
        let started = startedMicros ?? shard.loop.now.monotonicMicros
        capture.durationMicros = Now.read().monotonicMicros - started
        capture.remoteIP = handle.remoteIP
        capture.httpVersion = handle.httpVersion
        if response.redirects > 0 || shard.loop.settings.archivesRedirects {
            capture.setFinalURL(url.text)
        }
    }

    /// Resumes the worker, which comes back through `EventLoop.enqueue`, on this thread.
    func resumeWorker() {
        let waiting = waiting
        self.waiting = nil
        waiting?.resume(returning: response)
    }

    private func isStaleConnection(_ result: CURLcode) -> Bool {
        (result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR)
            && !isSecondTry && !shard.loop.isCancelled
            && handle.reusedConnection && handle.gotNothing
    }

    private func failure(of result: CURLcode) -> Response.Failure? {
        if let fault = incoming.pointee.fault { return fault }
        if result == CURLE_OK || incoming.pointee.isCut || incoming.pointee.isAbandoned {
            return incoming.pointee.faultAtEnd
        }
        var report = CurlFailure.Report(result: result)
        report.message = String(cString: message)
        report.systemError = attempt.socketError
        if result == CURLE_COULDNT_CONNECT && attempt.socketError == 0 {
            // Only then is it this transfer's: libcurl keeps the last one for the handle's life.
            report.systemError = Int32(
                truncatingIfNeeded: easy_get_long(easy, CURLINFO_OS_ERRNO))
        }
        report.wasSent = handle.isSent
        return CurlFailure.meaning(of: report)
    }

    private func openSocket(for address: curl_sockaddr) -> Int32 {
        let descriptor = shard.loop.openSocket(
            address.family, address.socktype, address.protocol)
        if descriptor < 0 { attempt.socketError = errno }
        return descriptor
    }

    /// Checks the connection that the request is about to be sent on. The check must be made at
    /// this point, because nothing can come between it and the request: one action of libcurl's may
    /// end a transfer and begin another on its connection.
    ///
    /// - Bytes that have already come on the connection are no answer to this request. "A client
    ///   that receives a response with more bytes than its length MUST NOT process them as a
    ///   separate response" (RFC 9112, 6.3). libcurl leaves such bytes on the connection and takes
    ///   them for the next answer, from 8.0 on only when TLS holds them.
    /// - Without HTTP/2, no other request may be using the connection. Before 8.10, libcurl puts
    ///   several requests on one connection once a server has called its reply by HTTP/1.1 one by
    ///   HTTP/2.
    ///
    /// - Returns: Whether the request may be sent.
    private func maySend(fromPort port: UInt16) -> Bool {
        var hasPending = false
        if isHTTPS == true {
            // Nothing is known of connections of another TLS library than OpenSSL.
            guard AuthorityStore.isUsable else { return true }
            guard let connection = easy_get_ssl(easy), ssl_is_connected(connection) == 1 else {
                // Another request is about to make the connection.
                attempt.sharesConnection = true
                return false
            }
            // No handshake was needed.
            if handle.reusedConnection { endHandshake() }
            attempt.isHTTP2 = ssl_speaks_http2(connection) == 1
            // Answers to other requests come on the connection, too, and say which request they are
            // for.
            if attempt.isHTTP2 { return true }
            hasPending = ssl_has_pending(connection) == 1
            if response.redirects == 0 { http1Batch = batch }
        } else if !CurlVersion.answersWithExcess {
            return true
        }
        guard handle.reusedConnection else { return true }
        attempt.sharesConnection =
            handle.asksForHTTP2 == true && shard.loop.usesConnection(fromPort: port)
        if attempt.sharesConnection { return false }
        shard.loop.endIdleConnection(fromPort: port, hasPending: hasPending)
        return true
    }

    // MARK: - What libcurl calls

    private func setUp() {
        // Unretained: the handle is cleaned up before its transfer goes; the loop outlives both.
        let me = Unmanaged.passUnretained(self).toOpaque()
        let loop = Unmanaged.passUnretained(shard.loop).toOpaque()
        _ = easy_set_write(
            easy,
            { bytes, size, count, incoming in
                let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
                let incoming = incoming!.assumingMemoryBound(to: IncomingResponse.self)
                return incoming.pointee.received(bytes) ? bytes.count : 0
            }, incoming)
        _ = easy_set_header(
            easy,
            { line, size, count, incoming in
                let line = UnsafeRawBufferPointer(start: line, count: size * count)
                let incoming = incoming!.assumingMemoryBound(to: IncomingResponse.self)
                return incoming.pointee.received(line: line) ? line.count : 0
            }, incoming)
        // Each line of a head goes to the write function first, before libcurl looks at it.
        if CurlVersion.joinsFirstField { _ = easy_set_long(easy, CURLOPT_HEADER, 1) }
        _ = easy_set_open(
            easy,
            { transfer, _, address in
                guard let address else { return -1 }
                return Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue()
                    .openSocket(for: address.pointee)
            }, me)
        _ = easy_set_close(
            easy,
            { loop, descriptor in
                Unmanaged<EventLoop>.fromOpaque(loop!).takeUnretainedValue().closeSocket(descriptor)
            }, loop)
        _ = easy_set_resolve(
            easy,
            { _, _, transfer in
                Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue().mayResolve() ? 0 : 1
            }, me)
        _ = easy_set_request(
            easy,
            { transfer, _, _, _, port in
                let transfer = Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue()
                let mayBeSent = transfer.maySend(fromPort: UInt16(truncatingIfNeeded: port))
                return mayBeSent ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            }, me)
        _ = easy_set_context(
            easy,
            { _, context, transfer in
                Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue().equip(context!)
            }, me)
        _ = easy_set_pointer(easy, CURLOPT_PRIVATE, me)
        // It goes with this object, after the handle was cleaned up.
        _ = easy_set_pointer(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(url.handle))
        _ = easy_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
        shard.loop.settings.apply(to: easy)
    }

    /// Sets up the `SSL_CTX` of a connection.
    private func equip(_ context: UnsafeMutableRawPointer) -> CURLcode {
        guard AuthorityStore.isUsable else { return CURLE_OK }
        if let key = url.endpoint()?.key {
            shard.loop.sessions.equip(context, for: key, handshake: handshake?.number)
        }
        return shard.loop.settings.equip(context)
    }

    /// Tells libcurl, which has no address for the host, whether it may look for one.
    private func mayResolve() -> Bool {
        // An address stands for itself. A name is never libcurl's to look up: it is asked for again
        // with one of ours.
        if url.endpoint()?.isAddress == true { return true }
        attempt.lacksAddress = true
        return false
    }
}

extension Transfer: NameClient, TLSSessions.Client {
    func nameWasAnswered(_ answer: NameAnswer) {
        guard isInFlight, lookedUpName != nil else { return }
        lookedUpName = nil
        guard case .addresses(let addresses) = answer, let endpoint = url.endpoint() else {
            return fail(of: answer)
        }
        handle.offer(addresses, for: endpoint)
        connect(expectingConnect: true)
    }

    func mayConnect(_ number: Int, with key: Int) -> Bool {
        // The request may wait for another host by now.
        guard isInFlight, heldBackFrom == key else { return false }
        heldBackFrom = nil
        handshake = (key, number)
        // The time that the request waited for others does not count.
        connectSinceMicros = shard.loop.now.monotonicMicros
        addToShard()
        return handshake != nil
    }
}
