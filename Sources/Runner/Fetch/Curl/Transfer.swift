internal import CCurl
internal import Glibc
internal import JobStore

/// One curl easy handle: a worker keeps it for life, so its options are set once and its
/// connection stays warm. Used on its loop's thread only.
final class Transfer {
    let easy: UnsafeMutableRawPointer
    private let shard: Shard
    private let maxBodyBytes: Int
    private var waiting: UnsafeContinuation<Response, Never>?
    private var response = Response()
    private var isTooLarge = false
    private var isSecondTry = false
    private var isHTTPS: Bool?
    private var url: [CChar] = []
    /// `errno` of a socket that could not be made for this request.
    private var socketError: Int32 = 0
    private var headers: UnsafeMutablePointer<curl_slist>?
    /// Where libcurl says what went wrong; at least CURL_ERROR_SIZE bytes.
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    var isInFlight: Bool { waiting != nil && !hasEnded }
    private var hasEnded = false

    init(shard: Shard, _ options: FetchOptions) {
        guard let easy = curl_easy_init() else {
            fatalError("libcurl gave no easy handle: out of memory")
        }
        self.easy = easy
        self.shard = shard
        maxBodyBytes = options.maxBodyBytes
        setUp(options)
        shard.register(self)
    }

    /// Gives the handle and its memory back.
    func close() {
        shard.unregister(self)
        curl_easy_cleanup(easy)
        curl_slist_free_all(headers)
        message.deallocate()
    }

    /// Makes the job's request. One suspension.
    func fetch(_ job: Job) async -> Response {
        await withUnsafeContinuation { continuation in
            waiting = continuation
            hasEnded = false
            response = Response()
            isTooLarge = false
            isSecondTry = false
            if shard.loop.isCancelled { return end(with: Response(failure: .cancelled)) }
            prepare(job)
            socketError = 0
            if !shard.add(self) {
                end(with: Response(failure: .reason(.other)))
            }
        }
    }

    private func prepare(_ job: Job) {
        writeURL(job)
        _ = url.withUnsafeBufferPointer { easy_set_string(easy, CURLOPT_URL, $0.baseAddress) }
        guard isHTTPS != job.batch.isHTTPS else { return }
        isHTTPS = job.batch.isHTTPS
        // With plain HTTP, asking for 1.1 outright spares libcurl its search for a connection to
        // multiplex on; with HTTPS the first answer decides, and PIPEWAIT waits for it.
        _ = easy_set_long(
            easy, CURLOPT_HTTP_VERSION,
            Int(job.batch.isHTTPS ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1))
        _ = easy_set_long(easy, CURLOPT_PIPEWAIT, job.batch.isHTTPS ? 1 : 0)
    }

    /// Writes the job's URL into a buffer that is reused.
    private func writeURL(_ job: Job) {
        url.removeAll(keepingCapacity: true)
        for (index, part) in job.batch.urlParts.enumerated() {
            if index > 0 { appendDigits(of: job.id) }
            for byte in part { url.append(CChar(bitPattern: byte)) }
        }
        url.append(0)
    }

    private func appendDigits(of id: Int) {
        let start = url.count
        var rest = id
        repeat {
            url.append(CChar(48 + rest % 10))
            rest /= 10
        } while rest > 0
        url[start...].reverse()
    }

    // MARK: - How it ends

    /// libcurl is done with the request; the handle is out of its multi.
    func finished(with result: CURLcode) {
        if isStaleConnection(result) {
            // 7.88 can hand out a pooled connection the server has closed. Nothing came and the
            // server answers nothing twice: asked again at once, on a fresh connection.
            isSecondTry = true
            _ = easy_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
            if shard.add(self) { return }
        }
        response.status = easy_get_long(easy, CURLINFO_RESPONSE_CODE)
        response.failure = failure(of: result)
        if Judge.isWorthRetrying(response.status) {
            response.retryAfterSeconds = Int(easy_get_offset(easy, CURLINFO_RETRY_AFTER))
        }
        end(with: response)
    }

    func end(with response: Response) {
        self.response = response
        hasEnded = true
        if isSecondTry { _ = easy_set_long(easy, CURLOPT_FRESH_CONNECT, 0) }
        shard.loop.noteEnded(self)
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
        if result == CURLE_OK { return nil }
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
        report.neverSent = easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T) == 0
        return CurlFailure.meaning(of: report)
    }

    private func openSocket(for address: curl_sockaddr) -> Int32 {
        let descriptor = shard.loop.openSocket(address.family, address.socktype, address.protocol)
        if descriptor < 0 { socketError = errno }
        shard.noteAddress()
        return descriptor
    }

    /// Counts decoded bytes: libcurl 7.88's own limit does not see unknown or decompressed lengths.
    private func received(_ bytes: Int) -> Int {
        response.bodyBytes += bytes
        if response.bodyBytes > maxBodyBytes {
            isTooLarge = true
            return 0  // anything but `bytes` ends the transfer
        }
        return bytes
    }

    // MARK: - Options, set once

    /// What this libcurl can decode.
    private static let encodings: String = {
        // The features were in the first version of the struct already.
        guard let version = curl_version_info(CURLVERSION_FIRST) else { return "identity" }
        let features = Int(version.pointee.features)
        let known = [
            (CURL_VERSION_LIBZ, "gzip"), (CURL_VERSION_BROTLI, "br"), (CURL_VERSION_ZSTD, "zstd"),
        ]
        let names = known.filter { features & Int($0.0) != 0 }.map(\.1)
        return names.isEmpty ? "identity" : names.joined(separator: ", ")
    }()

    private func setUp(_ options: FetchOptions) {
        // Unretained: the handle is cleaned up before its transfer goes; the loop outlives both.
        let me = Unmanaged.passUnretained(self).toOpaque()
        let loop = Unmanaged.passUnretained(shard.loop).toOpaque()
        _ = easy_set_write(
            easy,
            { _, size, count, transfer in
                Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue().received(
                    size * count)
            }, me)
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
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        _ = easy_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
        // Without it libcurl sets a signal handler around each call; SIGPIPE is ignored by us.
        _ = easy_set_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = easy_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = easy_set_string(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        _ = easy_set_long(easy, CURLOPT_FOLLOWLOCATION, options.maxRedirects > 0 ? 1 : 0)
        _ = easy_set_long(easy, CURLOPT_MAXREDIRS, options.maxRedirects)
        _ = easy_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, options.connectTimeout.milliseconds)
        _ = easy_set_long(easy, CURLOPT_TIMEOUT_MS, options.maxTime.milliseconds)
        _ = easy_set_string(easy, CURLOPT_ACCEPT_ENCODING, "")
        // As headers of our own: libcurl 7.88 formats those it makes itself character by character,
        // twice, which costs 15,000 instructions of the 63,000 a whole request takes without them.
        headers = curl_slist_append(nil, "User-Agent: \(options.userAgent)")
        headers = curl_slist_append(headers, "Accept-Encoding: \(Self.encodings)")
        _ = easy_set_pointer(easy, CURLOPT_HTTPHEADER, headers)
        // No proxy from the environment, which would be read and copied for each request.
        _ = easy_set_string(easy, CURLOPT_PROXY, "")
        _ = easy_set_string(easy, CURLOPT_NOPROXY, "*")
        // Allocated and freed for each request: small unless bodies are large.
        _ = easy_set_long(easy, CURLOPT_BUFFERSIZE, 2048)
        if options.isInsecure {
            _ = easy_set_long(easy, CURLOPT_SSL_VERIFYPEER, 0)
            _ = easy_set_long(easy, CURLOPT_SSL_VERIFYHOST, 0)
        }
        if let file = options.caFile { _ = easy_set_string(easy, CURLOPT_CAINFO, file) }
    }
}
