internal import CCurl
internal import Glibc
internal import JobStore

/// An easy handle of libcurl, and the options that differ from request to request. libcurl is told
/// only of options that changed.
struct CurlHandle: ~Copyable {
    let easy: UnsafeMutableRawPointer
    private(set) var bufferBytes = 0
    /// Whether HTTP/2 is asked for; `nil` before the first request.
    private(set) var asksForHTTP2: Bool?
    private var sendBufferBytes = 0
    private var connectMillis: Int?
    private var scope: UInt32 = 0
    private var isFresh = false
    /// The method, header fields and body that libcurl knows.
    private var content: RequestContent?
    private var headers: HeaderList?
    /// The proxy of requests; `nil` while they go straight to their hosts.
    private(set) var proxy: Proxy?
    /// Whether there is a proxy, and whether it is told addresses alone: asked for each request, and
    /// then a look at `proxy` would copy it.
    private(set) var hasProxy = false
    private(set) var hasProxyForAddresses = false
    /// The host that `proxy` was chosen for; `nil` before the first choice.
    private(set) var routedHost: HostKey?
    /// Whether libcurl was told credentials for a proxy.
    private(set) var hasProxyCredentials = false
    /// The addresses that the request under way may connect to.
    private var addresses: UnsafeMutablePointer<curl_slist>?

    init() {
        guard let easy = curl_easy_init() else {
            fatalError("libcurl gave no easy handle: out of memory")
        }
        self.easy = easy
    }

    /// Frees the handle and its memory. The handle must not be used afterwards.
    mutating func close() {
        curl_easy_cleanup(easy)
        curl_slist_free_all(addresses)
        addresses = nil
    }

    // MARK: - Before a request

    /// Sets method, header fields and body.
    ///
    /// - Parameter headers: The fields of `content`, which is asked for where they differ.
    mutating func set(_ content: RequestContent, headers makeHeaders: () -> HeaderList) {
        guard self.content !== content else { return }
        let headers = makeHeaders()
        _ = easy_set_pointer(easy, CURLOPT_HTTPHEADER, headers.list)
        headers.cookie.withCString { _ = easy_set_string(easy, CURLOPT_COOKIE, $0) }
        var name: String?
        if content.sendsBody {
            // Not copied: the content stays until the next one is set.
            _ = easy_set_long(easy, CURLOPT_POST, 1)
            _ = easy_set_long(easy, CURLOPT_POSTFIELDSIZE, content.body?.count ?? 0)
            _ = easy_set_pointer(
                easy, CURLOPT_POSTFIELDS,
                UnsafeMutableRawPointer(mutating: content.body?.baseAddress ?? Self.noBytes))
            if content.method != .post { name = content.method.rawValue }
        } else {
            _ = easy_set_long(easy, CURLOPT_HTTPGET, 1)
            if content.method == .head {
                _ = easy_set_long(easy, CURLOPT_NOBODY, 1)
            } else if content.method != .get {
                name = content.method.rawValue
            }
        }
        _ = easy_set_string(easy, CURLOPT_CUSTOMREQUEST, name)
        (self.content, self.headers) = (content, headers)
    }

    /// The address of an empty body: with none, libcurl would ask for the body by a callback.
    // nonisolated(unsafe) holds because nothing is ever read from there.
    private nonisolated(unsafe) static let noBytes = UnsafeRawPointer(
        UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))

    /// Sets whether to ask for HTTP/2. If so, the first connection by HTTPS decides on the version,
    /// and PIPEWAIT makes requests wait for it. Asking for HTTP/1.1 outright spares libcurl its
    /// search for a connection to multiplex on.
    mutating func ask(forHTTP2 new: Bool) {
        guard asksForHTTP2 != new else { return }
        asksForHTTP2 = new
        _ = easy_set_long(
            easy, CURLOPT_HTTP_VERSION,
            Int(new ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1))
        _ = easy_set_long(easy, CURLOPT_PIPEWAIT, new ? 1 : 0)
    }

    /// - Parameter millis: The most ms that connecting may take; 0 for libcurl's own limit, 300 s.
    mutating func limitConnecting(toMillis millis: Int) {
        guard connectMillis != millis else { return }
        connectMillis = millis
        _ = easy_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, min(millis, Int(Int32.max)))
    }

    /// - Parameter new: The zone of a link-local address; 0 when there is none.
    mutating func setScope(_ new: UInt32) {
        guard scope != new else { return }
        scope = new
        _ = easy_set_long(easy, CURLOPT_ADDRESS_SCOPE, Int(new))
    }

    /// Sets whether the next request gets a connection of its own.
    mutating func setFresh(_ new: Bool) {
        guard isFresh != new else { return }
        isFresh = new
        _ = easy_set_long(easy, CURLOPT_FRESH_CONNECT, new ? 1 : 0)
    }

    /// Makes libcurl connect to one of the addresses instead of looking the name up, which libcurl
    /// would do in a thread that it waits for.
    ///
    /// - Parameter isFurther: Whether the last offer, of another name, still holds.
    mutating func offer(
        _ addresses: String, for name: String, port: String, isFurther: Bool = false
    ) {
        // +: not for ever (CURLOPT_DNS_CACHE_TIMEOUT says how long).
        let entry = "+\(name):\(port):\(addresses)"
        let list = curl_slist_append(isFurther ? self.addresses : nil, entry)
        _ = easy_set_pointer(easy, CURLOPT_RESOLVE, list)
        if !isFurther { curl_slist_free_all(self.addresses) }
        self.addresses = list
    }

    /// Makes requests go to a host by its proxy, or straight.
    ///
    /// - Parameter dnsCacheSeconds: The time for which addresses that are offered count, where the
    ///   proxy is told the host's address.
    mutating func route(_ host: HostKey, by new: Proxy?, dnsCacheSeconds: Int) {
        routedHost = host
        guard proxy != new else { return }
        proxy = new
        hasProxy = new != nil
        hasProxyForAddresses = new?.takesAddressesOnly == true
        _ = easy_set_string(easy, CURLOPT_PROXY, new?.url ?? "")
        if let credentials = new?.credentials {
            hasProxyCredentials = true
            _ = easy_set_string(easy, CURLOPT_PROXYUSERNAME, credentials.user)
            _ = easy_set_string(easy, CURLOPT_PROXYPASSWORD, credentials.password)
        }
        let seconds = hasProxyForAddresses ? dnsCacheSeconds : TransferSettings.dnsCacheSeconds
        _ = easy_set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, seconds)
    }

    /// Sets the size of the read buffer. libcurl allocates the buffer for each request, and reads
    /// into it once per kernel call.
    mutating func setBuffer(bytes: Int) {
        // Refused while another transfer uses the connection (HTTP/2); then the next one tries.
        guard bytes != bufferBytes, easy_set_long(easy, CURLOPT_BUFFERSIZE, bytes) == CURLE_OK
        else {
            return
        }
        bufferBytes = bytes
    }

    mutating func setSendBuffer(bytes: Int) {
        guard sendBufferBytes != bytes else { return }
        sendBufferBytes = bytes
        _ = easy_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, bytes)
    }

    /// The cookies of the handle, in the form that `add(cookies:)` takes.
    func cookies() -> [String] {
        var list: UnsafeMutablePointer<curl_slist>?
        guard easy_get_list(easy, CURLINFO_COOKIELIST, &list) == CURLE_OK else { return [] }
        defer { curl_slist_free_all(list) }
        return sequence(first: list) { $0?.pointee.next }.prefix { $0 != nil }.compactMap {
            $0?.pointee.data.map { String(cString: $0) }
        }
    }

    func add(cookies: [String]) {
        for cookie in cookies { _ = easy_set_string(easy, CURLOPT_COOKIELIST, cookie) }
    }

    func dropCookies() { _ = easy_set_string(easy, CURLOPT_COOKIELIST, "ALL") }

    // MARK: - Of the last request

    /// Whether the request had a connection to be sent on.
    var isSent: Bool { easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T) > 0 }

    /// Whether the request went on a connection that had been used before.
    var reusedConnection: Bool { easy_get_long(easy, CURLINFO_NUM_CONNECTS) == 0 }

    /// Whether nothing at all came back.
    var gotNothing: Bool { status == 0 && easy_get_long(easy, CURLINFO_HEADER_SIZE) == 0 }

    /// The status of the response; 0 when there is none.
    var status: Int { easy_get_long(easy, CURLINFO_RESPONSE_CODE) }

    /// The wait that the response's head asks for; `nil` when it asks for none.
    ///
    /// - Parameter now: Unix time in µs.
    func retryAfter(atMicros now: Int) -> Duration? {
        guard let value = easy_get_last_field(easy, "Retry-After") else { return nil }
        let bytes = UnsafeRawBufferPointer(start: value, count: strlen(value))
        // The first value stays valid: libcurl hands out fields that it keeps until the next request.
        let date = easy_get_field(easy, "Date").map {
            UnsafeRawBufferPointer(start: $0, count: strlen($0))
        }
        return RetryAfter.wait(in: bytes, date: date, atSeconds: now / 1_000_000)
    }

    /// The validators of the response, as far as they can be kept: an entity tag that is one and not
    /// too long, a date that is one; and whether there is a tag that is left out.
    ///
    /// > a sender MUST NOT generate multiple field lines with the same name
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-5.3>
    ///
    /// Of several nobody knows which is meant: none counts.
    ///
    /// - Parameter now: Unix time in µs.
    func validators(atMicros now: Int) -> (kept: Validators?, isTagLeftOut: Bool) {
        func only(_ name: String) -> UnsafeRawBufferPointer? {
            easy_get_only_field(easy, name).map {
                UnsafeRawBufferPointer(start: $0, count: strlen($0)).trimmed
            }
        }
        let tag = only("ETag").flatMap { Validators.isEntityTag($0) ? Array($0) : nil }
        let date = only("Last-Modified").flatMap {
            HTTPDate.seconds(in: $0, atSeconds: now / 1_000_000)
        }
        return (
            Validators(entityTag: tag, lastModifiedSeconds: date),
            tag == nil && easy_get_field(easy, "ETag") != nil
        )
    }

    var httpVersion: Capture.HTTPVersion {
        switch easy_get_long(easy, CURLINFO_HTTP_VERSION) {
        case Int(CURL_HTTP_VERSION_1_0): .http10
        case Int(CURL_HTTP_VERSION_1_1): .http11
        case Int(CURL_HTTP_VERSION_2_0): .http2
        default: .none
        }
    }

    /// The server's address as text; empty when there was no connection.
    var remoteIP: [UInt8] {
        guard let address = easy_get_text(easy, CURLINFO_PRIMARY_IP) else { return [] }
        return Array(UnsafeRawBufferPointer(start: address, count: strlen(address)))
    }
}

extension [UInt8]? {
    /// Calls `body` with the bytes, which end with a NUL; with `nil` when there are none.
    fileprivate func withCString(_ body: (UnsafePointer<CChar>?) -> Void) {
        guard let self else { return body(nil) }
        self.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress) }
        }
    }
}
