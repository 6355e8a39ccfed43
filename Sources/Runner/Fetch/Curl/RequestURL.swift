internal import CCurl
internal import Glibc
internal import JobStore

/// A transfer's URL in libcurl's own parsed form (`CURLOPT_CURLU`), changed from job to job.
///
/// If libcurl 7.88 is given a URL as text, it parses and prints the URL again, byte by byte, for
/// each request: a fifth of all a request costs. Here scheme and host are parsed once a batch or
/// host, and a job sets only the parts that differ.
struct RequestURL: ~Copyable {
    /// The value for `CURLOPT_CURLU`; libcurl reads it until the transfer ends.
    let handle: OpaquePointer
    /// The parts that are set, and which the next URL may share; `nil` when it may share none.
    private var base: Base?
    /// Whether the URL may have a query.
    private var hasQuery = true

    /// The common part of URLs that differ in path and query alone.
    private enum Base: Equatable {
        /// The URLs of a batch's template.
        case batch(Batch.ID)
        /// The URLs of a host without a user name.
        case host(Host.ID)
    }

    init() {
        guard let handle = curl_url() else {
            fatalError("libcurl gave no URL handle: out of memory")
        }
        self.handle = handle
    }

    deinit { curl_url_cleanup(handle) }

    /// The zone of a link-local IPv6 host (`[fe80::1%25eth0]`), as a number; 0 when there is none.
    /// For `CURLOPT_ADDRESS_SCOPE`: libcurl before 8.3 drops the zone from a parsed URL.
    private(set) var scope: UInt32 = 0

    /// The most bytes that the URL may have when it is encoded.
    private(set) var bytesMax = 0

    /// Sets the URL to that of a job.
    ///
    /// - Returns: `CURLUE_OK`, or the reason why libcurl does not take the text for a URL.
    mutating func set(to job: Job, _ settings: TransferSettings) -> CURLUcode {
        switch job.chunk.requests {
        case .range(let range): set(to: range, job, settings)
        case .list(let list): set(to: list, job, settings)
        }
    }

    private mutating func set(
        to range: RangeRequests, _ job: Job, _ settings: TransferSettings
    ) -> CURLUcode {
        let id = range.id(at: job.position)
        settings.growURLText(to: range.url.capacity)  // no part is longer
        bytesMax = 3 * range.url.capacity
        guard base == .batch(job.batchID), let target = range.target else {
            range.url.write(id, to: settings.urlText)
            return setWhole(settings, .batch(job.batchID))
        }
        var result = CURLUE_OK
        if let path = target.path { result = set(CURLUPART_PATH, path, id, settings) }
        if result == CURLUE_OK, let query = target.query {
            result = set(CURLUPART_QUERY, query, id, settings)
        }
        return result
    }

    private mutating func set(
        to list: ListRequests, _ job: Job, _ settings: TransferSettings
    ) -> CURLUcode {
        let url = list.url(at: job.position)
        settings.growURLText(to: url.count + 1)
        bytesMax = 3 * url.count
        let text = settings.urlText
        // Of two URLs of a host, one may have a user name.
        let hasUser = list.authority(at: job.position).contains(UInt8(ascii: "@"))
        guard !hasUser, base == .host(job.chunk.hostID),
            let target = list.target(at: job.position)
        else {
            Self.write(url, to: text)
            return setWhole(settings, hasUser ? nil : .host(job.chunk.hostID))
        }
        Self.write(target, to: text)
        let mark = target.firstIndex(of: UInt8(ascii: "?")).map { $0 - target.startIndex }
        if let mark { text[mark] = 0 }
        let result = curl_url_set(handle, CURLUPART_PATH, text.baseAddress, 0)
        guard result == CURLUE_OK, mark != nil || hasQuery else { return result }
        hasQuery = mark != nil
        return curl_url_set(
            handle, CURLUPART_QUERY, mark.map { text.baseAddress! + $0 + 1 }, 0)
    }

    /// Sets the URL to a text.
    ///
    /// - Returns: As `set(to:_:)`.
    mutating func set(to text: [UInt8], _ settings: TransferSettings) -> CURLUcode {
        settings.growURLText(to: text.count + 1)
        bytesMax = 3 * text.count
        Self.write(text[...], to: settings.urlText)
        return setWhole(settings, nil)
    }

    /// Sets the URL to a text, if it is one. For those who know no result of libcurl's.
    mutating func isSet(to text: [UInt8], _ settings: TransferSettings) -> Bool {
        set(to: text, settings) == CURLUE_OK
    }

    private static func write(_ url: ArraySlice<UInt8>, to text: UnsafeMutableBufferPointer<CChar>)
    {
        UnsafeMutableRawBufferPointer(text).copyBytes(from: url)
        text[url.count] = 0
    }

    /// Sets the whole URL to the text in `settings.urlText`.
    ///
    /// - Parameter new: The base of the URL, for later ones; `nil` where these cannot share it.
    private mutating func setWhole(_ settings: TransferSettings, _ new: Base?) -> CURLUcode {
        var result = curl_url_set(handle, CURLUPART_URL, settings.urlText.baseAddress, 0)
        if result == CURLUE_OK { result = encodeHost() }
        if result == CURLUE_OK, Self.isBeyondASCII(settings.urlText) { result = encodeQuery() }
        base = result == CURLUE_OK ? new : nil
        hasQuery = true  // it may have, and a fragment
        if case .host = new, part(CURLUPART_FRAGMENT) != nil { base = nil }
        knownEndpoint = nil
        scope = zone()
        return result
    }

    private func set(
        _ part: CURLUPart, _ text: IDText, _ id: Int, _ settings: TransferSettings
    ) -> CURLUcode {
        text.write(id, to: settings.urlText)
        return curl_url_set(handle, part, settings.urlText.baseAddress, 0)
    }

    private static func isBeyondASCII(_ text: UnsafeMutableBufferPointer<CChar>) -> Bool {
        for byte in text {
            if byte == 0 { return false }
            if byte < 0 { return true }
        }
        return false
    }

    /// Encodes what is beyond ASCII in the query, which libcurl leaves as it is: servers refuse it.
    private func encodeQuery() -> CURLUcode {
        guard let query = part(CURLUPART_QUERY), query.utf8.contains(where: { $0 >= 0x80 }) else {
            return CURLUE_OK
        }
        let encoded = Self.encoded(query) { $0 < 0x80 }
        return encoded.withUnsafeBytes {
            curl_url_set(handle, CURLUPART_QUERY, $0.bindMemory(to: CChar.self).baseAddress, 0)
        }
    }

    /// Percent-encodes the bytes of a text that do not pass a test.
    ///
    /// - Returns: The bytes, with a 0 behind them.
    private static func encoded(_ text: String, unless isPlain: (UInt8) -> Bool) -> [UInt8] {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) {
                encoded.append(byte)
            } else {
                encoded.append("%")
                encoded.append(
                    contentsOf: [byte >> 4, byte & 15].map { $0 < 10 ? $0 + 0x30 : $0 + 0x37 })
            }
        }
        encoded.append(0)
        return encoded
    }

    /// The URL as libcurl asks for it, with its dots resolved, but without user name and password,
    /// which are not to be written down. Bytes that are no part of a URL are encoded; a server may
    /// have sent such bytes.
    var text: [UInt8] {
        guard let text = part(CURLUPART_URL) else { return [] }
        let encoded = Array(Self.encoded(text) { $0 > 0x20 && $0 < 0x7F }.dropLast())
        return part(CURLUPART_USER) == nil ? encoded : encoded.withoutUser()
    }

    /// Path and query as libcurl asks for them, with the dots of the path resolved.
    var target: [UInt8] {
        var target = Array((part(CURLUPART_PATH) ?? "/").utf8)
        if let query = part(CURLUPART_QUERY) { target += Array("?\(query)".utf8) }
        return target
    }

    private func part(_ part: CURLUPart, flags: Int32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let result = curl_url_get(handle, part, &text, UInt32(flags))
        // Also of a host that has no form in ASCII: libcurl up to 8.13 at least hands out the name
        // with its error.
        defer { curl_free(text) }
        guard result == CURLUE_OK, let text else { return nil }
        return String(cString: text)
    }

    // MARK: - Hosts

    /// The place that a URL's connection goes to.
    struct Endpoint: Equatable {
        let host: HostKey
        /// The port, also where it belongs to the scheme.
        let port: String
        /// Whether the host's name is an address.
        let isAddress: Bool
        /// The number by which `TLSSessions` knows the host. Two hosts may share one, since it is a
        /// hash of 64 bits; sessions of the wrong host are refused by the server.
        var sessionsKey: Int { host.hashValue }
    }

    private var knownEndpoint: Endpoint?

    /// The endpoint of the URL.
    ///
    /// - Returns: `nil` when libcurl has no memory.
    mutating func endpoint() -> Endpoint? {
        if let knownEndpoint { return knownEndpoint }
        guard let scheme = part(CURLUPART_SCHEME), let name = part(CURLUPART_HOST),
            let port = part(CURLUPART_PORT, flags: CURLU_DEFAULT_PORT)
        else { return nil }
        var address = in_addr()
        knownEndpoint = Endpoint(
            host: HostKey(scheme: scheme, name: name, port: port), port: port,
            isAddress: name.hasPrefix("[") || inet_pton(AF_INET, name, &address) == 1)
        return knownEndpoint
    }

    /// Writes an international host name in the form that name servers and servers know (IDNA
    /// 2008).
    ///
    /// - Returns: `CURLUE_OK`, or the reason why the name cannot be written so.
    private func encodeHost() -> CURLUcode {
        guard let name = part(CURLUPART_HOST), name.utf8.contains(where: { $0 >= 0x80 }) else {
            return CURLUE_OK
        }
        guard let encoded = part(CURLUPART_HOST, flags: CURLU_PUNYCODE) else {
            return CURLUE_BAD_HOSTNAME
        }
        return curl_url_set(handle, CURLUPART_HOST, encoded, 0)
    }

    // MARK: - Redirects

    /// Becomes the URL that a redirect leads to.
    ///
    /// Credentials go along to the same scheme, host and port alone: they are for no other place.
    ///
    /// - Parameter location: The value of the field Location, relative or absolute.
    /// - Returns: `CURLUE_OK`, or the reason why the redirect is not followed.
    mutating func follow(_ location: UnsafePointer<CChar>) -> CURLUcode {
        let before = endpoint()
        let (user, password) = (part(CURLUPART_USER), part(CURLUPART_PASSWORD))
        base = nil
        knownEndpoint = nil
        // As libcurl follows: blanks and the like are encoded.
        let flags = UInt32(CURLU_URLENCODE | CURLU_ALLOW_SPACE)
        var result = curl_url_set(handle, CURLUPART_URL, location, flags)
        if result == CURLUE_OK { result = encodeHost() }
        guard result == CURLUE_OK else { return result }
        guard let after = endpoint(), after.host.scheme == "http" || after.host.isHTTPS else {
            return CURLUE_UNSUPPORTED_SCHEME
        }
        // A reference without a host of its own keeps the credentials by itself; one to another
        // host never has them.
        if after == before, part(CURLUPART_USER) == nil {
            _ = curl_url_set(handle, CURLUPART_USER, user, 0)
            _ = curl_url_set(handle, CURLUPART_PASSWORD, password, 0)
        }
        scope = zone()
        bytesMax = 3 * (part(CURLUPART_URL)?.utf8.count ?? 0)
        return result
    }

    private func zone() -> UInt32 {
        guard let text = part(CURLUPART_ZONEID) else { return 0 }
        let index = if_nametoindex(text)
        return index > 0 ? index : UInt32(text) ?? 0
    }
}
