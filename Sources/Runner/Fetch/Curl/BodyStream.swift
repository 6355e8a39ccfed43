internal import CCurl
internal import Glibc
internal import JobStore

/// A GET whose body is read as it comes, in memory that does not grow with it: how lists are
/// fetched.
///
/// There is no event loop: libcurl works while somebody reads, and only when all that it has read
/// was taken; so one call of it, 2 MB at most, bounds what is in memory. Redirects are followed hop
/// by hop, as those of jobs. Each request has a handle and a connection of its own, so that nothing
/// a server sends behind its response is anybody's answer. It goes by HTTP/1.1: when a reader is
/// slow, the connection fills, and no memory does.
///
/// Names are looked up by libcurl, with the system's `getaddrinfo`. Addresses are judged as those of
/// jobs (`AddressGuard`); each request has a connection of its own, which is judged as it is made.
final class BodyStream {
    /// The reason why there is no body, or no more of it.
    struct Failure: Error {
        /// The end of a sentence that begins with the URL: `answers with 404`.
        let problem: String
        /// Whether another try may end otherwise.
        let isWorthRetrying: Bool
        /// Whether the list leads to an address that it must not lead to.
        var isForbidden = false
        /// The status of the redirect that was not followed; `nil` when nothing else is wrong.
        var unfollowed: Int?
        /// The wait that the server asks for; `nil` when it asks for none.
        var retryAfter: Duration?
    }

    let settings: TransferSettings
    private let content: RequestContent
    var url = RequestURL()
    var handle: CurlHandle
    private let multi: UnsafeMutableRawPointer
    /// The buffer for libcurl's error message; at least CURL_ERROR_SIZE bytes.
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private let incoming: IncomingBody
    private var redirects = 0
    /// The status of the last redirect; 0 when there was none.
    private(set) var redirectStatus = 0
    /// Whether a response from a public address led to the request under way.
    var ledFromPublic: Bool
    /// The part that the address guard had in the request under way.
    var addressCheck = Transfer.AddressCheck.none
    /// The result of the request; `nil` while it is under way.
    private var result: CURLcode?
    /// Since when nothing has come, in µs on the monotonic clock.
    private var silentSinceMicros = 0

    /// Asks for a URL, and waits for the head of a response.
    ///
    /// - Parameters:
    ///   - authorities: The certificates to trust; `nil` when certificates are not verified.
    ///   - options: Of these, `timeout` bounds how long a server may say nothing.
    ///   - addressGuard: Knows the names that were asked before; `nil` when none were.
    ///   - ledFromPublic: Whether a response from a public address named the URL.
    ///   - takesAnyStatus: Whether a response of another status than 200 is no failure.
    init(
        _ text: String, _ options: FetchOptions, _ authorities: AuthorityStore?,
        addressGuard: AddressGuard? = nil, ledFromPublic: Bool = false,
        takesAnyStatus: Bool = false
    ) throws(Failure) {
        self.ledFromPublic = ledFromPublic
        EventLoop.initializeCurl
        guard let multi = curl_multi_init() else {
            fatalError("libcurl gave no multi handle: out of memory")
        }
        self.multi = multi
        handle = CurlHandle()
        settings = TransferSettings(
            options, authorities: authorities, addressGuard: addressGuard)
        incoming = IncomingBody(headBytesMax: options.headBytesMax)
        content = RequestContent(
            method: .get, fields: [.init("User-Agent", Array(options.userAgent.utf8))], body: nil)
        guard url.set(to: Array(text.utf8), settings) == CURLUE_OK else {
            throw Failure(problem: "is no URL that can be fetched", isWorthRetrying: false)
        }
        try begin()
        while let location = redirect() { try follow(location) }
        guard status == 200 || takesAnyStatus else { throw refused() }
    }

    deinit {
        curl_multi_remove_handle(multi, handle.easy)
        handle.close()
        curl_multi_cleanup(multi)
        message.deallocate()
    }

    // MARK: - The head

    var status: Int { incoming.head.status }

    /// The URL that the response came from, without user name and password.
    var finalURL: String { String(decoding: url.text, as: UTF8.self) }

    /// The size that the head tells; `nil` when it tells none.
    var byteCount: Int? {
        let count = Int(easy_get_offset(handle.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T))
        return count < 0 ? nil : count
    }

    /// The first value of a field of the head; `nil` when there is none.
    func field(_ name: String) -> String? {
        easy_get_field(handle.easy, name).map { String(cString: $0) }
    }

    /// Makes the request, and waits until the head is whole.
    private func begin() throws(Failure) {
        setUp()
        addressCheck = .none
        result = nil
        silentSinceMicros = SystemClock.monotonicMicros()
        guard curl_multi_add_handle(multi, handle.easy) == CURLM_OK else {
            throw Failure(problem: "cannot be fetched: out of memory", isWorthRetrying: false)
        }
        while !incoming.head.isWhole {
            if let result { throw failure(of: result) }
            try turn()
        }
    }

    private func setUp() {
        let easy = handle.easy
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        // They go after the handle was cleaned up.
        _ = easy_set_pointer(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(url.handle))
        _ = easy_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
        settings.apply(to: easy)
        incoming.reset()
        incoming.register(with: easy)
        registerTrust(with: easy)
        registerGuard(with: easy)
        var isHTTPS = false
        if let host = url.endpoint()?.host {
            isHTTPS = host.isHTTPS
            let proxy = settings.options.proxies.proxy(for: host)
            handle.route(
                host, by: proxy, dnsCacheSeconds: TransferSettings.dnsCacheSeconds)
        }
        // The zone is the host's, not the proxy's.
        handle.setScope(handle.hasProxy ? 0 : url.scope)
        handle.ask(forHTTP2: false)
        handle.set(content) { settings.headers(of: content) }
        handle.setBuffer(bytes: TransferSettings.bufferBytes(for: .max, isHTTPS: isHTTPS))
        handle.setSendBuffer(
            bytes: TransferSettings.sendBufferBytes(
                urlBytes: url.bytesMax, headerBytes: content.headerBytes))
        handle.limitConnecting(toMillis: settings.connectMillis)
    }

    private func registerTrust(with easy: UnsafeMutableRawPointer) {
        guard AuthorityStore.isUsable else { return }
        // Unretained: the handle is cleaned up before its settings go.
        _ = easy_set_context(
            easy,
            { _, context, settings in
                guard let context, let settings else { return CURLE_SSL_CONNECT_ERROR }
                return Unmanaged<TransferSettings>.fromOpaque(settings).takeUnretainedValue()
                    .equip(context)
            }, Unmanaged.passUnretained(settings).toOpaque())
    }

    // MARK: - Redirects

    /// The place that the response leads to; `nil` when it leads nowhere. Valid until the handle is
    /// renewed.
    private func redirect() -> UnsafePointer<CChar>? {
        switch status {
        case 301, 302, 303, 307, 308: easy_get_field(handle.easy, "Location")
        default: nil
        }
    }

    private func follow(_ location: UnsafePointer<CChar>) throws(Failure) {
        redirects += 1
        redirectStatus = status
        guard redirects <= settings.redirectsMax else {
            throw Failure(
                problem: "redirects more than \(settings.redirectsMax) times",
                isWorthRetrying: false, unfollowed: status)
        }
        noteOrigin()
        guard url.follow(location) == CURLUE_OK else {
            throw Failure(
                problem: "redirects to a place that cannot be fetched by http or https",
                isWorthRetrying: false, unfollowed: status)
        }
        if ledFromPublic, !settings.addressGuard.isOff, let host = url.endpoint()?.host.name,
            AddressGuard.isInward(host: host)
        {
            throw forbidden
        }
        let cookies = handle.cookies()
        curl_multi_remove_handle(multi, handle.easy)
        handle.close()
        handle = CurlHandle()
        handle.add(cookies: cookies)
        try begin()
    }

    // MARK: - The body

    /// Reads some of the bytes that come next, and waits for them.
    ///
    /// - Parameter buffer: Not empty.
    /// - Returns: The number of bytes; 0 at the end of the body.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        silentSinceMicros = SystemClock.monotonicMicros()
        while incoming.isEmpty {
            if let result {
                if result == CURLE_OK { return 0 }
                throw failure(of: result)
            }
            try turn()
        }
        return incoming.take(into: buffer)
    }

    /// Lets libcurl do what it can, or waits until there is something to do.
    private func turn() throws(Failure) {
        let before = incoming.count
        var running: Int32 = 0
        guard curl_multi_perform(multi, &running) == CURLM_OK else {
            throw Failure(problem: "cannot be fetched: libcurl gave up", isWorthRetrying: false)
        }
        if running == 0 { return takeResult() }
        let now = SystemClock.monotonicMicros()
        if incoming.count > before {
            silentSinceMicros = now
            return
        }
        let leftMicros = silentSinceMicros + settings.timeoutMicros - now
        guard leftMicros > 0 else {
            let seconds = settings.timeoutMicros / 1_000_000
            throw Failure(
                problem: "has sent nothing for \(seconds) s\(destination)", isWorthRetrying: true)
        }
        curl_multi_poll(multi, nil, 0, Int32(min(leftMicros / 1000 + 1, 1000)), nil)
    }

    private func takeResult() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            if message.pointee.msg == CURLMSG_DONE { result = message_result(message) }
        }
        // A handle that is not running has ended.
        if result == nil { result = CURLE_RECV_ERROR }
    }

    // MARK: - What went wrong

    /// The place that redirects led to, for people; empty when there were none.
    var destination: String {
        redirects == 0
            ? "" : " (at \(String(decoding: url.text, as: UTF8.self)), where it redirects to)"
    }

    /// The failure of a response that is no 200.
    private func refused() -> Failure {
        Failure(
            problem: "answers with \(status)\(destination)",
            isWorthRetrying: Judge.isWorthRetrying(status),
            retryAfter: handle.retryAfter(atMicros: SystemClock.unixMicros()))
    }

    private func failure(of result: CURLcode) -> Failure {
        if let refusal = incoming.refusal {
            let isTooLarge = refusal == .tooLarge
            return Failure(
                problem:
                    "answers with \(isTooLarge ? "too large a head" : "no valid head")\(destination)",
                isWorthRetrying: !isTooLarge)
        }
        if addressCheck == .refused { return forbidden }
        var report = CurlFailure.Report(result: result)
        report.message = String(cString: message)
        report.wasSent = handle.isSent
        if result == CURLE_COULDNT_CONNECT {
            report.systemError = Int32(
                truncatingIfNeeded: easy_get_long(handle.easy, CURLINFO_OS_ERRNO))
        }
        var words = report.message
        if words.isEmpty { words = String(cString: curl_easy_strerror(result)) }
        let proxy = handle.proxy.map { ", by the proxy \($0.text)" } ?? ""
        return Failure(
            problem: "cannot be fetched\(destination)\(proxy): \(words)",
            isWorthRetrying: Self.isWorthRetrying(report))
    }

    /// As the judge has it of jobs, but for a certificate that is not trusted: somebody waits here,
    /// and had better be told.
    private static func isWorthRetrying(_ report: CurlFailure.Report) -> Bool {
        switch CurlFailure.meaning(of: report) {
        case .cancelled, .unkept, .local: false
        case .reason(.tls): CurlFailure.isHandshakeCut(report)
        case .reason(let reason): Judge.isWorthRetrying(reason)
        }
    }
}
