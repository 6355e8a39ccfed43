/// Resolves the references of one page or response.
struct URLResolver: ~Copyable {
    /// The result of a reference.
    enum Resolution: Equatable {
        /// The absolute URL without a fragment, all of it printable ASCII.
        case url(String)
        /// A scheme that is neither HTTP nor HTTPS: `mailto:`, `javascript:`.
        case otherScheme
        /// No URL.
        case invalid
    }

    private let base: URLBase
    private let parsed: any URLParser

    /// - Parameters:
    ///   - base: The absolute URL that references are relative to; its fragment and user have no part
    ///     in them.
    ///   - parsed: What takes URLs apart; others may use it before and after each call.
    /// - Returns: `nil` when it is no URL of HTTP or HTTPS.
    init?(base: String, by parsed: any URLParser) {
        let reference = Reference(Array(base.utf8), baseScheme: "")
        guard case .host(let scheme?) = reference.start else { return nil }
        guard
            parsed.set(
                to: Self.absolute("\(scheme)://", reference.authority, reference, nil)),
            let parts = parsed.parts
        else { return nil }
        self.base = parts
        self.parsed = parsed
    }

    /// Resolves a reference.
    ///
    /// Of an international host name, the result has the form of name servers; a user name and a
    /// password are left out: what a page names is no secret of the crawler's, nor to be written
    /// down with its URLs.
    ///
    /// - Parameters:
    ///   - text: UTF-8.
    ///   - converter: The character set of the page, in which browsers send what is beyond ASCII in
    ///     a query; `nil` for UTF-8.
    func resolve(_ text: [UInt8], _ converter: TextConverter? = nil) -> Resolution {
        let reference = Reference(text, baseScheme: base.scheme)
        var url: [UInt8]
        switch reference.start {
        case .otherScheme: return .otherScheme
        case .host(let scheme):
            guard !reference.authority.isEmpty else { return .invalid }
            url = Self.absolute(
                "\(scheme ?? base.scheme)://", reference.authority, reference, converter)
        case .root: url = Self.absolute(base.origin, [], reference, converter)
        case .folder:
            let folder =
                base.path.utf8.lastIndex(of: UInt8(ascii: "/"))
                .map { base.path[...$0] } ?? "/"
            url = Self.absolute(base.origin + folder, [], reference, converter)
        case .query: url = Self.absolute(base.origin + base.path, [], reference, converter)
        case .base: url = Array((base.origin + base.path + base.query).utf8)
        }
        guard parsed.set(to: url), let text = parsed.text else { return .invalid }
        return .url(text)
    }

    /// The URL of a beginning, and what a reference has behind it, encoded.
    private static func absolute(
        _ beginning: String, _ authority: ArraySlice<UInt8>, _ reference: Reference,
        _ converter: TextConverter?
    ) -> [UInt8] {
        var url = Array(beginning.utf8)
        url.reserveCapacity(url.count + authority.count + reference.path.count + 16)
        url += authority
        if reference.path.isEmpty, !authority.isEmpty { url.append(UInt8(ascii: "/")) }
        append(reference.path, &url, isQuery: false)
        if let query = reference.query {
            url.append(UInt8(ascii: "?"))
            append(converter?.encode(Array(query))[...] ?? query, &url, isQuery: true)
        }
        return url
    }

    /// Appends part of a URL, with all encoded that stands for itself nowhere.
    /// - SeeAlso: <https://url.spec.whatwg.org/#path-percent-encode-set>
    private static func append(_ text: ArraySlice<UInt8>, _ url: inout [UInt8], isQuery: Bool) {
        for byte in text {
            let isPlain: Bool
            switch byte {
            case ...0x20, 0x7F..., UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"),
                UInt8(ascii: "#"):
                isPlain = false
            case UInt8(ascii: "'"): isPlain = !isQuery
            case UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "}"):
                isPlain = isQuery
            default: isPlain = true
            }
            if isPlain {
                url.append(byte)
            } else {
                url.append(UInt8(ascii: "%"))
                for half in [byte >> 4, byte & 15] {
                    url.append(half < 10 ? half + 0x30 : half + 0x37)
                }
            }
        }
    }
}
