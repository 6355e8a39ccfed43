internal import CCurl
internal import JobStore

/// Settings shared by all transfers of a loop: options of libcurl, set once for each handle.
///
/// Headers and the buffer for URLs are shared, so that they stay in the processor's cache.
final class TransferSettings {
    let headBytesMax: Int
    let bodyBytesMax: Int
    let redirectsMax: Int
    let cutsLargeBodies: Bool
    let connectTimeoutMicros: Int
    let timeoutMicros: Int
    /// The buffer for the URL of a request that is about to start.
    private(set) var urlText = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 256)
    /// The settings for keeping responses; `nil` when responses are dropped.
    let keeping: Keeping?
    /// Whether some requests may have a proxy.
    let usesProxies: Bool
    /// Whether bodies are kept as they come, not decoded.
    let isEncodingKept: Bool
    /// The budget in which heads are counted.
    let budget: MemoryBudget
    /// Decides which addresses may be connected to, for all loops.
    let addressGuard: AddressGuard
    let options: FetchOptions
    /// The certificates to trust, shared by all loops; `nil` when certificates are not verified, or
    /// not by OpenSSL.
    private let authorities: AuthorityStore?
    /// The fields of the content that was last asked for.
    private var lastHeaders: (of: RequestContent, list: HeaderList)?
    /// The certificate to show to servers, shared by all loops; `nil` when there is none.
    private let certificate: ClientCertificate?

    /// Whether lines of a head come to the write function before libcurl keeps them.
    let checksHeadsAhead = CurlVersion.joinsFirstField
    /// Whether responses that lead on to another URL are kept.
    var archivesRedirects: Bool { keeping?.needs.contains(.redirects) == true }

    /// The settings for keeping responses for the output.
    struct Keeping {
        let storage: CaptureStorage
        var needs: ResponseNeeds
        /// The most bytes of a body that are kept; what comes after them is dropped.
        var bodyBytesMax = Int.max
        /// Called when a head or body could not be put in the temporary file.
        let failed: @Sendable (Errno) -> Void

        var keepsBodies: Bool { needs.contains(.bodies) }
        /// Whether bodies stay compressed as they come.
        var isEncodingKept: Bool { needs.contains(.encoding) }
    }

    /// - Parameters:
    ///   - keeping: The settings for keeping responses; `nil` when responses are dropped.
    ///   - budget: The budget in which heads are counted.
    ///   - addressGuard: Shared by all that work together; `nil` for one of these settings' own.
    init(
        _ options: FetchOptions, authorities: AuthorityStore? = nil,
        certificate: ClientCertificate? = nil, keeping: Keeping? = nil,
        budget: MemoryBudget = MemoryBudget(bytesMax: .max), addressGuard: AddressGuard? = nil
    ) {
        self.addressGuard = addressGuard ?? AddressGuard(isOff: options.allowsInward)
        self.options = options
        self.authorities = authorities
        self.certificate = certificate
        self.keeping = keeping
        usesProxies = !options.proxies.isEmpty
        isEncodingKept = options.isRaw || keeping?.isEncodingKept == true
        self.budget = budget
        headBytesMax = options.headBytesMax
        bodyBytesMax = options.bodyBytesMax
        redirectsMax = options.redirectsMax
        cutsLargeBodies = options.cutsLargeBodies
        connectTimeoutMicros = options.connectTimeout.microseconds
        timeoutMicros = options.timeout.microseconds
    }

    deinit { urlText.deallocate() }

    /// Returns the header fields of a content. Handles that send the same content share them, so
    /// that they stay in the processor's cache.
    func headers(of content: RequestContent) -> HeaderList {
        if let last = lastHeaders, last.of === content { return last.list }
        let list = HeaderList(content)
        lastHeaders = (content, list)
        return list
    }

    /// Makes room for a URL of `capacity` bytes in `urlText`, whose content may be lost.
    func growURLText(to capacity: Int) {
        guard urlText.count < capacity else { return }
        urlText.deallocate()
        urlText = .allocate(capacity: capacity)
    }

    /// The bytes of the read buffer for a response of `response` bytes: a power of two, or one of
    /// two limits. The lower limit is the largest buffer that costs nothing. The upper limit makes
    /// reading 64 KB bodies as fast as it gets.
    static func bufferBytes(for response: Int, isHTTPS: Bool) -> Int {
        // A TLS record need not fit: libcurl asks for the rest of it. More than one is never read
        // at once.
        let (least, most) = isHTTPS ? (2048, 16_384) : (1024, bufferBytesMax)
        guard response > least else { return least }
        guard response < most else { return most }
        return min(most, 1 << (Int.bitWidth - (response - 1).leadingZeroBitCount))
    }

    /// The most bytes of a buffer that `bufferBytes` gives.
    static let bufferBytesMax = 102_400

    /// The bytes of the buffer that a request is sent from.
    ///
    /// By HTTPS, libcurl allocates the buffer for each request, with 64 KB by default. A head takes
    /// one page of it, but in time every page is used. So the buffer has the least size that
    /// libcurl takes, unless a request is large: libcurl 7.88 does not send a request of more than
    /// twice the buffer.
    ///
    /// - Parameters:
    ///   - urlBytes: The bytes of the URL.
    ///   - headerBytes: The bytes of the header fields.
    static func sendBufferBytes(urlBytes: Int, headerBytes: Int) -> Int {
        // Cookies are 8 KB at most, and what libcurl adds is less than the rest.
        let requestBytes = urlBytes + headerBytes + 12_288
        return min(max(16_384, (requestBytes + 1) / 2), 2 << 20)
    }

    /// The bytes by which a read buffer is larger than the head that it is to take.
    static let headMarginBytes = 16_384

    /// The least bytes of a read buffer by HTTPS. More than `bufferBytes` gives once a head by
    /// HTTP/2 was larger than its buffer.
    private(set) var headBytesMin = 0

    /// Makes later read buffers larger for heads by HTTP/2. libcurl 7.88 hands over as much of a
    /// head as the buffer takes, and then forgets that there is more.
    ///
    /// - Parameter bytes: The size of the buffer that was too small.
    /// - Returns: Whether a larger buffer is possible.
    func makeRoomForHeads(beyond bytes: Int) -> Bool {
        // 100 KB is as much as a line may have; with some to spare for a head of `headBytesMax`.
        let larger =
            bytes < Self.bufferBytesMax ? Self.bufferBytesMax : headBytesMax + Self.headMarginBytes
        guard larger > bytes else { return false }
        headBytesMin = max(headBytesMin, larger)
        return true
    }

    /// The time in s for which addresses that are handed over with a request count.
    static let dnsCacheSeconds = 2
    /// The time in ms that libcurl may take to connect when a new connection is expected. libcurl
    /// divides it among the addresses of a name.
    var connectMillis: Int { min(connectTimeoutMicros, timeoutMicros) / 1000 + 1 }
    /// The time in µs for which a proxy that has answered is taken to be well: longer than four
    /// attempts in a row that the proxy cannot connect, so that these count.
    var proxyTrustMicros: Int { 4 * connectTimeoutMicros + 10_000_000 }
    /// The time in ms that libcurl may take to connect when no new connection is expected. It is 0,
    /// for no limit, because a limit costs timers; but where the connect timeout is longer than the
    /// 300 s of libcurl's own limit, it is `connectMillis`.
    var sentMillis: Int { connectTimeoutMicros > 300_000_000 ? connectMillis : 0 }

    /// The value of Accept-Encoding in requests.
    ///
    /// - Parameter isKept: Whether bodies stay compressed; then only with a coding that every
    ///   reader can decode.
    static func encodings(isKept: Bool) -> String {
        isKept ? "gzip" : ContentDecoder.accepted
    }

    /// Sets the options that all transfers share.
    ///
    /// - Parameter easy: A handle that is cleaned up before these settings are freed.
    func apply(to easy: UnsafeMutableRawPointer) {
        // Without it libcurl sets a signal handler around each call; SIGPIPE is ignored by us.
        _ = easy_set_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = easy_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        // Redirects are followed by `Transfer`, hop by hop; codings undone by `ContentDecoder`.
        _ = easy_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        _ = easy_set_long(easy, CURLOPT_HTTP_CONTENT_DECODING, 0)
        // An address that was handed over with a request counts for that request: what comes later
        // gets its own from `NameResolver`. Not 0, which not even the request itself would find.
        _ = easy_set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, Self.dnsCacheSeconds)
        // Cookies set on the way are sent on, within one job: `Transfer` drops them after it.
        _ = easy_set_string(easy, CURLOPT_COOKIEFILE, "")
        // No proxy from the environment, which would be read and copied for each request.
        // `Transfer` chooses the proxy of each request, if the run has any.
        _ = easy_set_string(easy, CURLOPT_PROXY, "")
        _ = easy_set_string(easy, CURLOPT_NOPROXY, usesProxies ? "" : "*")
        if usesProxies { applyProxyOptions(to: easy) }
        if options.family != .any {
            let version = options.family == .ipv4 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6
            _ = easy_set_long(easy, CURLOPT_IPRESOLVE, Int(version))
        }
        if options.isInsecure {
            _ = easy_set_long(easy, CURLOPT_SSL_VERIFYPEER, 0)
            _ = easy_set_long(easy, CURLOPT_SSL_VERIFYHOST, 0)
        }
        guard AuthorityStore.isUsable else {
            if let file = options.caFile { _ = easy_set_string(easy, CURLOPT_CAINFO, file) }
            if let files = options.clientCertificate {
                _ = easy_set_string(easy, CURLOPT_SSLCERT, files.certificate)
                _ = easy_set_string(easy, CURLOPT_SSLKEY, files.key ?? files.certificate)
                _ = easy_set_string(easy, CURLOPT_KEYPASSWD, files.password)
            }
            return
        }
        _ = easy_set_pointer(easy, CURLOPT_CAINFO, nil)
        _ = easy_set_pointer(easy, CURLOPT_CAPATH, nil)
        // `TLSSessions` keeps them, for all transfers of the loop.
        _ = easy_set_long(easy, CURLOPT_SSL_SESSIONID_CACHE, 0)
    }

    private func applyProxyOptions(to easy: UnsafeMutableRawPointer) {
        // The head of an answer to CONNECT is none of a response.
        _ = easy_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        if options.isInsecure {
            _ = easy_set_long(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0)
            _ = easy_set_long(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0)
        }
        if AuthorityStore.isUsable {
            _ = easy_set_pointer(easy, CURLOPT_PROXY_CAINFO, nil)
            _ = easy_set_pointer(easy, CURLOPT_PROXY_CAPATH, nil)
        } else if let file = options.caFile {
            _ = easy_set_string(easy, CURLOPT_PROXY_CAINFO, file)
        }
    }

    /// Sets up a connection's `SSL_CTX`.
    ///
    /// - Parameter isProxy: Whether the connection is that to a proxy, which gets no certificate of
    ///   ours.
    func equip(_ context: UnsafeMutableRawPointer, isProxy: Bool = false) -> CURLcode {
        AuthorityStore.releaseBuffers(of: context)
        if !isProxy, let certificate, !certificate.equip(context) { return CURLE_SSL_CERTPROBLEM }
        guard let authorities else { return CURLE_OK }
        return authorities.equip(context, at: Now.read()) ? CURLE_OK : CURLE_SSL_CACERT_BADFILE
    }
}
