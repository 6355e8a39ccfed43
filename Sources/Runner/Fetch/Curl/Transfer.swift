internal import CCurl
internal import Glibc
internal import JobStore

/// Makes a worker's requests, one after another. The worker keeps its transfer, so that the
/// handle's options are set once and the connection stays warm. Used on its loop's thread only.
///
/// A job takes one request, or several when it is redirected. Each request is looked up, sent and
/// judged by itself. A request is given to libcurl once, or some times more (`Attempt`) when
/// libcurl, and no server, is the reason why there is no answer.
///
/// This file is the way of a job from `fetch` to `resumeWorker`; `Stage` draws it.
final class Transfer {
    var handle = CurlHandle()
    var easy: UnsafeMutableRawPointer { handle.easy }
    private(set) var shard: Shard
    /// Whether libcurl has the transfer; the shard's to set.
    var isGiven = false
    /// The number that tells which of the loop's shards the transfer belongs to while its jobs'
    /// hosts have no bound on requests in flight.
    private let number: Int
    /// The number that tells the shard for the job under way, or the last one.
    private var shardNumber: Int
    var url = RequestURL()
    /// Whether shard and handle are those for HTTPS: of the request under way, or the last one.
    private(set) var isHTTPS = false
    /// The buffer for libcurl's error message; at least CURL_ERROR_SIZE bytes.
    let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    /// The job under way; `nil` while there is none.
    var job: JobUnderWay?
    /// The request under way, or the last one.
    var request = Request()
    /// The attempt under way, or the last one.
    var attempt = Attempt()
    /// Method, header fields and body of the request under way, or the last one.
    var content = RequestContent(method: .get, fields: [], body: nil)
    /// The response to the job, as far as it is known.
    var response = Response()
    /// The response to the request under way. The functions that libcurl calls get a pointer to
    /// this value alone. With a pointer to the transfer, Swift would check each access to a class's
    /// property at run time, and each line of a head comes twice: that took 4,000 instructions a
    /// request. Used on the loop's thread only.
    let incoming = UnsafeMutablePointer<IncomingResponse>.allocate(capacity: 1)
    let measures: LoopMeasures
    /// The part of the response that is kept; `nil` when nothing is.
    var capture: Capture?
    /// Takes the body of a request that is made beside the jobs (`Transfer+Aside.swift`); `nil` at
    /// any other time.
    var aside: BoundedBody?

    /// The host of the last response if it came whole on a connection that existed before;
    /// otherwise `nil`. The next request to the host is likely to find that connection, too.
    var warmHost: Host.ID?
    /// The host that was seen to speak HTTP/1.1 by HTTPS.
    var http1Host: Host.ID?

    private lazy var noteOpenHead: () -> Void = { [unowned self] in shard.loop.noteOpenHead(self) }

    /// The most bytes of a head that a handle may keep; a handle that holds more is made anew.
    /// libcurl keeps the lines of a head until the handle's next request starts.
    private static let keptHeadBytesMax = 64 << 10

    /// The most requests in flight of a host all of which may be in one shard: about as many
    /// connections as a shard has.
    private static let shardedMax = 32

    /// - Parameter number: The number that tells which of the loop's shards the transfer belongs
    ///   to.
    init(loop: EventLoop, number: Int) {
        self.number = number
        shardNumber = number
        shard = loop.shard(number, isHTTPS: false)
        measures = loop.measures
        incoming.initialize(to: IncomingResponse(loop.settings))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setUp()
        shard.register(self)
        home.changeHomes(by: 1)
    }

    /// Frees the handle and the memory of the transfer.
    func close() {
        shard.unregister(self)
        home.changeHomes(by: -1)
        handle.close()
        incoming.deinitialize(count: 1)
        incoming.deallocate()
        message.deallocate()
    }

    // MARK: - How it begins

    /// Makes the job's request, and the requests that redirects lead to. Suspends the worker once.
    func fetch(_ job: Job) async -> Response {
        await withUnsafeContinuation { worker in
            let now = shard.loop.now
            self.job = JobUnderWay(
                worker: worker, chunk: .passUnretained(job.chunk), host: job.chunk.hostID,
                startedMicros: now.monotonicMicros)
            if job.attempt > 1 { measures.sums.pointee.requests.retried += 1 }
            content = job.content
            response = Response()
            emptyCapture()
            if shard.loop.isCancelled { return end(with: Response(failure: .cancelled)) }
            if let failure = setURL(job) { return end(with: Response(failure: failure)) }
            begin(of: job.chunk, isHTTPS: job.chunk.isHTTPS)
        }
    }

    /// Makes the capture one of an attempt that begins now, of which nothing has come.
    func emptyCapture() {
        let capture = self.capture ?? shard.loop.settings.keeping.map { Capture($0.storage) }
        self.capture = capture
        capture?.reset()
        capture?.startedMicros = shard.loop.now.wallMicros
    }

    /// Begins the first request to the host of a chunk's jobs.
    func begin(of chunk: RequestChunk, isHTTPS: Bool) {
        let host = chunk.hostID
        // A host with few requests in flight finds its connections again in one shard; one with
        // many would fill that shard.
        shardNumber = chunk.inFlightMax > Self.shardedMax ? number : host
        let isWarm = host == warmHost && chunk.hasOneHost
        warmHost = nil
        // A new connection may speak another version.
        let speaksHTTP1 = isWarm && host == http1Host
        begin(isHTTPS: isHTTPS, speaksHTTP1: speaksHTTP1, expectingConnect: !isWarm)
    }

    private func setURL(_ job: Job) -> Response.Failure? {
        switch url.set(to: job, shard.loop.settings) {
        case CURLUE_OK: return nil
        case CURLUE_OUT_OF_MEMORY: return .local(.system(ENOMEM))
        default: return .reason(.badURL)
        }
    }

    /// Begins a request for the URL in `url`.
    ///
    /// - Parameter speaksHTTP1: Whether the host was seen to speak HTTP/1.1 by HTTPS.
    func begin(isHTTPS: Bool, speaksHTTP1: Bool, expectingConnect: Bool) {
        setShard(isHTTPS: isHTTPS)
        request = Request(speaksHTTP1: speaksHTTP1)
        start(expectingConnect: expectingConnect)
    }

    private func setShard(isHTTPS new: Bool) {
        changeShard(isHTTPS: new)
        guard isHTTPS != new else { return }
        home.changeHomes(by: -1)
        isHTTPS = new
        home.changeHomes(by: 1)
        fitBuffer(to: 0)
    }

    /// Goes to the shard that the transfer's number stands for now.
    func changeShard() { changeShard(isHTTPS: isHTTPS) }

    private func changeShard(isHTTPS: Bool) {
        let next = shard.loop.shard(shardNumber, isHTTPS: isHTTPS)
        guard next !== shard else { return }
        shard.unregister(self)
        shard = next
        shard.register(self)
    }

    /// The shard that keeps a connection for the transfer.
    private var home: Shard { shard.loop.shard(number, isHTTPS: isHTTPS) }

    /// Begins an attempt: gives the request to libcurl, with an address if libcurl will need one.
    func start(expectingConnect: Bool) {
        job?.stage = .starting
        incoming.pointee.reset(
            keepingIn: capture, or: aside, headBegins: mayHoldHeadBack ? noteOpenHead : nil)
        attempt = Attempt(connectSinceMicros: shard.loop.now.monotonicMicros)
        let settings = shard.loop.settings
        if settings.usesProxies { chooseProxy() }
        // The zone is the host's, not the proxy's.
        handle.setScope(handle.hasProxy ? 0 : url.scope)
        handle.setFresh(request.isFresh)
        handle.ask(forHTTP2: offersHTTP2 && !request.speaksHTTP1)
        if !content.isIdempotent { makeRoomForAnyHead() }
        handle.set(content) { settings.headers(of: content) }
        handle.setSendBuffer(
            bytes: TransferSettings.sendBufferBytes(
                urlBytes: url.bytesMax, headerBytes: content.headerBytes))
        handle.limitConnecting(
            toMillis: expectingConnect ? settings.connectMillis : settings.sentMillis)
        // Such a proxy is told an address even if libcurl has a connection to it.
        guard expectingConnect || handle.hasProxyForAddresses, let endpoint = url.endpoint() else {
            return give(nil)
        }
        lookUpNames(for: endpoint)
    }

    /// Gives the request to libcurl, which ends it by `finished`.
    ///
    /// - Parameter handshake: The handshake that the request may make; `nil` when none is expected,
    ///   or none is counted.
    func give(_ handshake: Handshake?) {
        job?.stage = .given(handshake)
        request.starts += 1
        if !shard.add(self) { end(with: failed(.reason(.other))) }
    }

    // MARK: - How it ends

    /// Ends the job. The request must have been taken back from libcurl.
    func end(with response: Response) {
        self.response = response
        end()
    }

    /// Ends the job with the response as it is.
    func end() {
        switch job?.stage {
        case .lookingUp(let whose):
            if let name = url.endpoint().flatMap({ place(of: whose, for: $0) })?.name {
                shard.loop.resolver.forget(self, askingFor: name)
            }
        case .given(_?): endHandshake()
        case .starting, .heldBack, .given(nil), .ended, nil: break
        }
        job?.stage = .ended
        if let job { measureEnd(of: job) }
        incoming.pointee.end()
        // Jobs share no cookies.
        if incoming.pointee.setsCookies || job?.hasCookies == true { handle.dropCookies() }
        if incoming.pointee.heldBytes > Self.keptHeadBytesMax { renewHandle(cookies: []) }
        incoming.pointee.releaseHead()
        shard.loop.noteEnded(self)
    }

    /// The response as far as it is known, with the reason why there is no more of it.
    func failed(_ failure: Response.Failure) -> Response {
        var failed = response
        failed.failure = failure
        return failed
    }

    /// Resumes the worker, which comes back through `EventLoop.enqueue`, on this thread.
    func resumeWorker() {
        guard let worker = job?.worker else { return }
        job = nil
        worker.resume(returning: response)
    }

    /// Gives away the part of the last response that was kept; `nil` when nothing is kept.
    func takeCapture() -> Capture? { capture.take() }

    /// Takes a capture that nobody needs any more, to be filled with the next response; `nil` when
    /// there is none, so that a new one is made.
    func reuse(_ spare: consuming Capture?) { capture = spare }

    // MARK: - The handle

    /// Makes a new handle, which holds no memory of earlier requests.
    ///
    /// - Parameter cookies: The cookies that the handle begins with.
    func renewHandle(cookies: [String]) {
        handle.close()
        handle = CurlHandle()
        handle.add(cookies: cookies)
        setUp()
    }

    private func setUp() {
        registerCallbacks()
        // It goes with this object, after the handle was cleaned up.
        _ = easy_set_pointer(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(url.handle))
        _ = easy_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
        shard.loop.settings.apply(to: easy)
        fitBuffer(to: 0)
    }

    /// Makes the buffer for the next response as large as a response of `response` bytes needs.
    func fitBuffer(to response: Int) {
        let fitting = max(
            TransferSettings.bufferBytes(for: response, isHTTPS: isHTTPS),
            isHTTPS ? shard.loop.settings.headBytesMin : 0)
        handle.setBuffer(bytes: fitting)
    }
}
