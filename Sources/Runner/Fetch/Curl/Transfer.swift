internal import CCurl
internal import Glibc
internal import JobStore

/// One curl easy handle: a worker keeps it for life, so its options are set once and its
/// connection stays warm. Used on its loop's thread only.
final class Transfer {
    let easy: UnsafeMutableRawPointer
    private let shard: Shard
    private var waiting: UnsafeContinuation<Response, Never>?
    private var response = Response()
    private var isTooLarge = false
    /// The response is cut at its limit, and whole for us.
    private var isCut = false
    /// What is kept of the response; `nil` when nothing is.
    private(set) var capture: Capture?
    private var isUnkept = false
    private var isSecondTry = false
    private var isHTTPS: Bool?
    private var batch: Batch.ID?
    private var bufferBytes = 0
    /// When libcurl got it, in µs on the monotonic clock; `nil` before and after.
    private var startedMicros: Int?
    /// Since when it waits for a connection, and libcurl's `PRETRANSFER_TIME_T` then, which grows
    /// once there is one.
    private var connect = (sinceMicros: 0, pretransfer: 0)
    /// The batch of the last response, when it came whole on a connection that was there before: so
    /// the next one is likely to find it, too.
    private var warmBatch: Batch.ID?
    private var expectsConnect: Bool?
    private var url = RequestURL()
    private var scope: UInt32 = 0
    /// `errno` of a socket that could not be made for this request.
    private var socketError: Int32 = 0
    /// Where libcurl says what went wrong; at least CURL_ERROR_SIZE bytes.
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    var isInFlight: Bool { waiting != nil && !hasEnded }
    private var hasEnded = false

    init(shard: Shard) {
        guard let easy = curl_easy_init() else {
            fatalError("libcurl gave no easy handle: out of memory")
        }
        self.easy = easy
        self.shard = shard
        renewCapture()
        setUp()
        shard.register(self)
    }

    /// Gives the handle and its memory back.
    func close() {
        shard.unregister(self)
        curl_easy_cleanup(easy)
        message.deallocate()
    }

    /// Makes the job's request. One suspension.
    func fetch(_ job: Job) async -> Response {
        await withUnsafeContinuation { continuation in
            waiting = continuation
            hasEnded = false
            response = Response()
            isTooLarge = false
            isCut = false
            isUnkept = false
            isSecondTry = false
            capture?.reset()
            capture?.startedMicros = shard.loop.now.wallMicros
            if shard.loop.isCancelled { return end(with: Response(failure: .cancelled)) }
            socketError = 0
            if let failure = setURL(job) { return end(with: Response(failure: failure)) }
            setScheme(isHTTPS: job.batch.isHTTPS)
            expectConnect(job.batch.id != warmBatch || !job.batch.hasOneHost)
            warmBatch = nil
            batch = job.batch.id
            if !shard.add(self) {
                end(with: Response(failure: .reason(.other)))
            }
        }
    }

    private func setURL(_ job: Job) -> Response.Failure? {
        switch url.set(to: job, shard.loop.settings) {
        case CURLUE_OK: break
        case CURLUE_OUT_OF_MEMORY: return .local(ENOMEM)
        default: return .reason(.badURL)
        }
        if scope != url.scope {
            scope = url.scope
            _ = easy_set_long(easy, CURLOPT_ADDRESS_SCOPE, Int(scope))
        }
        return nil
    }

    private func setScheme(isHTTPS new: Bool) {
        guard isHTTPS != new else { return }
        isHTTPS = new
        fitBuffer(to: 0)
        // With plain HTTP, asking for 1.1 outright spares libcurl its search for a connection to
        // multiplex on; with HTTPS the first answer decides, and PIPEWAIT waits for it.
        _ = easy_set_long(
            easy, CURLOPT_HTTP_VERSION,
            Int(new ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1))
        _ = easy_set_long(easy, CURLOPT_PIPEWAIT, new ? 1 : 0)
    }

    // MARK: - How long it takes
    //
    // libcurl keeps the timers of all transfers of a multi handle in one tree, and goes through it
    // several times a request, from transfer to transfer and so from cache miss to cache miss.
    // Looking at each transfer when the first may be overdue costs next to nothing.

    /// Where a connection is to be made, libcurl must know how long it may take, since it shares the
    /// time among the addresses of a name, and that names are to be looked up again after a minute.
    /// Where none is, knowing the one costs timers, and the other a look at all names it has.
    private func expectConnect(_ new: Bool) {
        let settings = shard.loop.settings
        // Without a timeout libcurl has one of 300 s.
        let new = new || settings.connectTimeoutMicros > 300_000_000
        guard expectsConnect != new else { return }
        expectsConnect = new
        let limit = min(settings.connectTimeoutMicros, settings.maxTimeMicros) / 1000 + 1
        _ = easy_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, new ? min(limit, Int(Int32.max)) : 0)
        _ = easy_set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, new ? 60 : -1)
    }

    func started(atMicros now: Int) {
        startedMicros = now
        connect = (now, 0)
    }

    /// When it has taken too long, in µs on the monotonic clock; `nil` while libcurl does not have it.
    var deadlineMicros: Int? {
        guard let startedMicros else { return nil }
        let settings = shard.loop.settings
        let end = startedMicros + settings.maxTimeMicros
        guard pretransfer == connect.pretransfer else { return end }
        return min(end, connect.sinceMicros + settings.connectTimeoutMicros)
    }

    private var pretransfer: Int { Int(easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T)) }

    // MARK: - How it ends

    /// libcurl is done with the request; the handle is out of its multi.
    func finished(with result: CURLcode) {
        if isStaleConnection(result) {
            // 7.88 can hand out a pooled connection the server has closed. Nothing came and the
            // server answers nothing twice: asked again at once, on a fresh connection.
            isSecondTry = true
            capture?.reset()
            _ = easy_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
            expectConnect(true)
            if shard.add(self) { return }
        }
        response.status = easy_get_long(easy, CURLINFO_RESPONSE_CODE)
        response.failure = failure(of: result)
        if Judge.isWorthRetrying(response.status) {
            response.retryAfterSeconds = Int(easy_get_offset(easy, CURLINFO_RETRY_AFTER))
        }
        if let capture { complete(capture) }
        if result == CURLE_OK {
            fitBuffer(to: response.bodyBytes + easy_get_long(easy, CURLINFO_HEADER_SIZE))
            if easy_get_long(easy, CURLINFO_NUM_CONNECTS) == 0 { warmBatch = batch }
        }
        end(with: response)
    }

    /// Makes the buffer for the next response as large as this one would have needed: it is
    /// allocated for each request, and read into once per kernel call.
    private func fitBuffer(to response: Int) {
        let fitting = TransferSettings.bufferBytes(for: response, isHTTPS: isHTTPS ?? false)
        // Refused while another transfer uses the connection (HTTP/2); then the next one tries.
        guard fitting != bufferBytes, easy_set_long(easy, CURLOPT_BUFFERSIZE, fitting) == CURLE_OK
        else { return }
        bufferBytes = fitting
    }

    func end(with response: Response) {
        self.response = response
        hasEnded = true
        startedMicros = nil
        if isSecondTry { _ = easy_set_long(easy, CURLOPT_FRESH_CONNECT, 0) }
        shard.loop.noteEnded(self)
    }

    /// Gives the next response a capture of its own.
    func renewCapture() { capture = shard.loop.settings.keeping.map { Capture($0.limits) } }

    /// Adds what is known once the response has ended.
    private func complete(_ capture: Capture) {
        capture.isCut = isCut
        capture.durationMicros = Int(easy_get_offset(easy, CURLINFO_TOTAL_TIME_T))
        if let address = easy_get_text(easy, CURLINFO_PRIMARY_IP) {
            capture.remoteIP.append(
                contentsOf: UnsafeRawBufferPointer(start: address, count: strlen(address)))
        }
        // One that could not be followed leads nowhere a response came from.
        capture.isRedirected =
            response.failure == nil && easy_get_long(easy, CURLINFO_REDIRECT_COUNT) > 0
        if capture.isRedirected {
            if let text = easy_get_text(easy, CURLINFO_EFFECTIVE_URL) {
                capture.setFinalURL(UnsafeRawBufferPointer(start: text, count: strlen(text)))
            }
        } else if shard.loop.settings.keeping?.isEncodingKept == true {
            // libcurl 7.88 tells the effective URL of a parsed one only once: that of the first.
            url.withText { capture.setFinalURL($0) }
        }
        switch easy_get_long(easy, CURLINFO_HTTP_VERSION) {
        case Int(CURL_HTTP_VERSION_1_0): capture.httpVersion = .http10
        case Int(CURL_HTTP_VERSION_1_1): capture.httpVersion = .http11
        case Int(CURL_HTTP_VERSION_2_0): capture.httpVersion = .http2
        default: capture.httpVersion = .none
        }
    }

    /// Comes back through `EventLoop.enqueue`, on this thread.
    func resumeWorker() {
        let waiting = waiting
        self.waiting = nil
        waiting?.resume(returning: response)
    }

    private func isStaleConnection(_ result: CURLcode) -> Bool {
        (result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR)
            && !isSecondTry && !shard.loop.isCancelled
            && easy_get_long(easy, CURLINFO_NUM_CONNECTS) == 0
            && easy_get_long(easy, CURLINFO_RESPONSE_CODE) == 0
            && easy_get_long(easy, CURLINFO_HEADER_SIZE) == 0
    }

    private func failure(of result: CURLcode) -> Response.Failure? {
        if result == CURLE_OK || isCut { return nil }
        if isUnkept { return .unkept }
        if isTooLarge { return .reason(.tooLarge) }
        var report = CurlFailure.Report(result: result)
        report.message = String(cString: message)
        report.systemError = socketError
        if result == CURLE_COULDNT_CONNECT && socketError == 0 {
            // Only then is it this transfer's: libcurl keeps the last one for the handle's life.
            report.systemError = Int32(
                truncatingIfNeeded: easy_get_long(easy, CURLINFO_OS_ERRNO))
        }
        report.status = response.status
        report.neverSent = pretransfer == 0
        return CurlFailure.meaning(of: report)
    }

    private func openSocket(for address: curl_sockaddr) -> Int32 {
        let descriptor = shard.loop.openSocket(address.family, address.socktype, address.protocol)
        if descriptor < 0 { socketError = errno }
        shard.noteAddress()
        // The first connection's time counts from the start, with the look-up of its name; that of
        // one a redirect needs from here.
        if pretransfer > connect.pretransfer {
            connect = (shard.loop.now.monotonicMicros, pretransfer)
        }
        return descriptor
    }

    /// Counts decoded bytes: libcurl 7.88's own limit does not see unknown or decompressed lengths.
    ///
    /// - Returns: How many were taken: less than all ends the transfer.
    private func received(_ bytes: UnsafeRawBufferPointer) -> Int {
        let settings = shard.loop.settings
        let room = settings.maxBodyBytes - response.bodyBytes
        response.bodyBytes += min(room, bytes.count)
        if bytes.count > room {
            guard settings.cutsLargeBodies else {
                isTooLarge = true
                return 0
            }
            isCut = true
        }
        if let capture, let keeping = settings.keeping, keeping.keepsBodies {
            do throws(Errno) {
                try capture.append(body: UnsafeRawBufferPointer(rebasing: bytes.prefix(room)))
            } catch {
                isUnkept = true
                isCut = false
                keeping.failed(error)
                return 0
            }
        }
        return isCut ? 0 : bytes.count
    }

    /// - Returns: Whether there was room for it.
    private func receivedHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        capture?.append(line: line) ?? true
    }

    private func setUp() {
        // Unretained: the handle is cleaned up before its transfer goes; the loop outlives both.
        let me = Unmanaged.passUnretained(self).toOpaque()
        let loop = Unmanaged.passUnretained(shard.loop).toOpaque()
        _ = easy_set_write(
            easy,
            { bytes, size, count, transfer in
                Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue().received(
                    UnsafeRawBufferPointer(start: bytes, count: size * count))
            }, me)
        if capture != nil {
            _ = easy_set_header(
                easy,
                { line, size, count, transfer in
                    let transfer = Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue()
                    let line = UnsafeRawBufferPointer(start: line, count: size * count)
                    return transfer.receivedHeader(line) ? line.count : 0
                }, me)
        }
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
        _ = easy_set_pointer(easy, CURLOPT_PRIVATE, me)
        // It goes with this object, after the handle was cleaned up.
        _ = easy_set_pointer(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(url.handle))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        _ = easy_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
        shard.loop.settings.apply(to: easy)
    }
}
