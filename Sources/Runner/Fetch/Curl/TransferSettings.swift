internal import CCurl

/// What is the same for all transfers of a loop: options of libcurl, set once a handle.
///
/// Headers and the buffer for URLs are shared, so that they stay in the processor's cache.
final class TransferSettings {
    let maxHeadBytes: Int
    let maxBodyBytes: Int
    let maxRedirects: Int
    let cutsLargeBodies: Bool
    let connectTimeoutMicros: Int
    let maxTimeMicros: Int
    /// Where the URL of a request that is about to start is written.
    private(set) var urlText = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 256)
    /// How responses are kept; `nil` while they are dropped. Set before the first transfer is made.
    var keeping: Keeping?
    /// What heads are counted in. Set before the first transfer is made.
    var budget = MemoryBudget(limit: .max)
    private let options: FetchOptions
    /// Shared by all loops; `nil` where certificates are not verified, or not by OpenSSL.
    private let authorities: AuthorityStore?
    private var headers: UnsafeMutablePointer<curl_slist>?
    /// Of those that are the user's.
    private let headerBytes: Int

    /// Whether lines of a head come to the write function before libcurl keeps them.
    let checksHeadsAhead = CurlVersion.joinsFirstField
    /// Whether responses that lead on to another URL are kept.
    var archivesRedirects: Bool { keeping?.isEncodingKept == true }

    /// What a transfer does with the response for the output.
    struct Keeping {
        let limits: SpoolableBytes.Limits
        let keepsBodies: Bool
        /// Bodies are to stay compressed as they come.
        let isEncodingKept: Bool
        /// A body could not be put in the temporary file.
        let failed: @Sendable (Errno) -> Void
    }

    init(_ options: FetchOptions, authorities: AuthorityStore? = nil) {
        self.options = options
        self.authorities = authorities
        maxHeadBytes = options.maxHeadBytes
        maxBodyBytes = options.maxBodyBytes
        maxRedirects = options.maxRedirects
        cutsLargeBodies = options.cutsLargeBodies
        connectTimeoutMicros = options.connectTimeout.microseconds
        maxTimeMicros = options.maxTime.microseconds
        // As headers of our own: libcurl 7.88 formats those it makes itself character by character,
        // twice, which costs 15,000 instructions of the 63,000 a whole request takes without them.
        headers = curl_slist_append(nil, "User-Agent: \(options.userAgent)")
        headerBytes = options.userAgent.utf8.count
    }

    /// Ends what is set for all transfers. Called before the first is made.
    func seal() {
        let encodings = Self.encodings(isKept: keeping?.isEncodingKept ?? false)
        headers = curl_slist_append(headers, "Accept-Encoding: \(encodings)")
    }

    deinit {
        curl_slist_free_all(headers)
        urlText.deallocate()
    }

    /// Makes room for that many bytes of URL; what was there is gone.
    func growURLText(to capacity: Int) {
        guard urlText.count < capacity else { return }
        urlText.deallocate()
        urlText = .allocate(capacity: capacity)
    }

    /// The buffer for a response of so many bytes: a power of two, no smaller than what costs
    /// nothing, no larger than what makes reading 64 KB bodies as fast as it gets.
    static func bufferBytes(for response: Int, isHTTPS: Bool) -> Int {
        // A TLS record need not fit: libcurl asks for the rest of it. More than one is never read at
        // once.
        let (least, most) = isHTTPS ? (2048, 16_384) : (1024, bufferBytesMax)
        guard response > least else { return least }
        guard response < most else { return most }
        return min(most, 1 << (Int.bitWidth - (response - 1).leadingZeroBitCount))
    }

    /// The most a transfer reads into.
    static let bufferBytesMax = 102_400

    /// The buffer to send a request from, whose URL has so many bytes. By HTTPS libcurl allocates it
    /// for each request, 64 KB if not told, of which a head takes one page, and in time every page;
    /// so it is the least libcurl takes, unless a request is large: 7.88 does not send what is more
    /// than two of it.
    func sendBufferBytes(forURLOf bytes: Int) -> Int {
        // Cookies are 8 KB at most, and what libcurl adds is less than the rest.
        let requestBytes = bytes + headerBytes + 12_288
        return min(max(16_384, (requestBytes + 1) / 2), 2 << 20)
    }

    /// The least a transfer by HTTPS reads into: more than `bufferBytes` once a head came by HTTP/2
    /// that was larger.
    private(set) var headBytesMin = 0

    /// Makes room for larger heads by HTTP/2. libcurl 7.88 hands over as much of a head as the buffer
    /// takes, and then forgets that there is more.
    ///
    /// - Returns: Whether there is any to be made.
    func makeRoomForHeads(beyond bytes: Int) -> Bool {
        // 100 KB is as much as a line may have; with some to spare for a head of `maxHeadBytes`.
        let larger = bytes < Self.bufferBytesMax ? Self.bufferBytesMax : maxHeadBytes + 16_384
        guard larger > bytes else { return false }
        headBytesMin = max(headBytesMin, larger)
        return true
    }

    /// How long libcurl may take to connect, where a connection is to be made: it shares the time among
    /// the addresses of a name.
    var connectMillis: Int { min(connectTimeoutMicros, maxTimeMicros) / 1000 + 1 }
    /// The same where none is expected: none, as knowing it costs timers, unless that means libcurl's
    /// own 300 s.
    var sentMillis: Int { connectTimeoutMicros > 300_000_000 ? connectMillis : 0 }

    /// What responses are asked to be compressed with.
    ///
    /// - Parameter isKept: Whether they stay so: then as everyone who reads them can decode.
    static func encodings(isKept: Bool) -> String {
        isKept ? "gzip" : ContentDecoder.accepted
    }

    /// - Parameter easy: A handle that is cleaned up before these settings go.
    func apply(to easy: UnsafeMutableRawPointer) {
        // Without it libcurl sets a signal handler around each call; SIGPIPE is ignored by us.
        _ = easy_set_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = easy_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        // Redirects are followed by `Transfer`, hop by hop; codings undone by `ContentDecoder`.
        _ = easy_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        _ = easy_set_long(easy, CURLOPT_HTTP_CONTENT_DECODING, 0)
        // An address that was handed over with a request counts for that request: what comes later
        // gets its own from `NameResolver`. Not 0, which not even the request itself would find.
        _ = easy_set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, 2)
        // Cookies set on the way are sent on, within one job: `Transfer` drops them after it.
        _ = easy_set_string(easy, CURLOPT_COOKIEFILE, "")
        _ = easy_set_pointer(easy, CURLOPT_HTTPHEADER, headers)
        // No proxy from the environment, which would be read and copied for each request.
        _ = easy_set_string(easy, CURLOPT_PROXY, "")
        _ = easy_set_string(easy, CURLOPT_NOPROXY, "*")
        if options.isInsecure {
            _ = easy_set_long(easy, CURLOPT_SSL_VERIFYPEER, 0)
            _ = easy_set_long(easy, CURLOPT_SSL_VERIFYHOST, 0)
        }
        guard AuthorityStore.isUsable else {
            if let file = options.caFile { _ = easy_set_string(easy, CURLOPT_CAINFO, file) }
            return
        }
        _ = easy_set_pointer(easy, CURLOPT_CAINFO, nil)
        _ = easy_set_pointer(easy, CURLOPT_CAPATH, nil)
        // `TLSSessions` keeps them, for all transfers of the loop.
        _ = easy_set_long(easy, CURLOPT_SSL_SESSIONID_CACHE, 0)
    }

    /// Sets up a connection's `SSL_CTX`.
    func equip(_ context: UnsafeMutableRawPointer) -> CURLcode {
        AuthorityStore.releaseBuffers(of: context)
        guard let authorities else { return CURLE_OK }
        return authorities.equip(context, at: Now.read()) ? CURLE_OK : CURLE_SSL_CACERT_BADFILE
    }
}
