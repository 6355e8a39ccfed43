internal import CCurl
internal import Glibc
public import Links

/// An absolute URL in libcurl's own parsed form, to be set again and again.
public final class ParsedURL: URLParser {
    private let handle: OpaquePointer

    public init() {
        guard let handle = curl_url() else {
            fatalError("libcurl gave no URL handle: out of memory")
        }
        self.handle = handle
    }

    deinit { curl_url_cleanup(handle) }

    // Never changed or freed once it is made; a thread that uses it only reads it.
    private nonisolated(unsafe) static let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)

    public func set(to text: [UInt8]) -> Bool {
        let isSet = (text + [0]).withUnsafeBytes {
            let text = $0.bindMemory(to: CChar.self).baseAddress
            return curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK
        }
        return isSet && encodeHost()
    }

    public var text: String? {
        guard let text = part(CURLUPART_URL, CURLU_NO_DEFAULT_PORT),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        return text
    }

    public var parts: URLBase? {
        guard let scheme = part(CURLUPART_SCHEME), let host = part(CURLUPART_HOST),
            let path = part(CURLUPART_PATH)
        else { return nil }
        // Of IPv6, the brackets do not enclose the zone in all versions of libcurl: it is left out,
        // as it is in no page.
        let port = part(CURLUPART_PORT, CURLU_NO_DEFAULT_PORT).map { ":\($0)" } ?? ""
        let query = part(CURLUPART_QUERY).map { "?\($0)" } ?? ""
        return URLBase(
            origin: "\(scheme.lowercased())://\(host)\(port)", scheme: scheme.lowercased(),
            path: path, query: query)
    }

    private func part(_ part: CURLUPart, _ flags: Int32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let result = curl_url_get(handle, part, &text, UInt32(flags))
        // Also of a host that has no form in ASCII: libcurl up to 8.13 at least hands out the name
        // with its error.
        defer { curl_free(text) }
        guard result == CURLUE_OK, let text else { return nil }
        return String(cString: text)
    }

    /// Writes an international host name in the form that name servers know, and any name in lower
    /// case.
    ///
    /// - Returns: Whether it can be written so.
    private func encodeHost() -> Bool {
        guard let name = part(CURLUPART_HOST), !name.isEmpty else { return false }
        var encoded = name
        if name.utf8.contains(where: { $0 >= 0x80 }) {
            // libidn2 takes the name for text of the thread's locale; it is UTF-8.
            let before = uselocale(Self.locale)
            defer { uselocale(before) }
            guard let form = part(CURLUPART_HOST, CURLU_PUNYCODE) else { return false }
            encoded = form
        }
        encoded = encoded.lowercased()
        return encoded == name || curl_url_set(handle, CURLUPART_HOST, encoded, 0) == CURLUE_OK
    }
}
