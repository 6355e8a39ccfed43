/// A reference to a URL as a page or a field has it, taken apart as browsers do: blanks around it and
/// line ends within it do not count, and backslashes are slashes.
/// - SeeAlso: <https://url.spec.whatwg.org/#concept-basic-url-parser>
struct Reference {
    /// The kind of place that a reference begins at.
    enum Start: Equatable {
        /// A host of a scheme; `nil` for that of the base.
        case host(scheme: String?)
        /// The root of the base's host.
        case root
        /// The folder of the base's path.
        case folder
        /// The base's path, with another query.
        case query
        /// The base, but for the fragment.
        case base
        /// A scheme that is neither HTTP nor HTTPS.
        case otherScheme
    }

    let start: Start
    /// Host and port, without a user; empty unless it begins at a host.
    private(set) var authority: ArraySlice<UInt8> = []
    /// The path, with slashes in place of backslashes; not encoded.
    private(set) var path: ArraySlice<UInt8> = []
    /// The query behind its question mark; `nil` without one. Not encoded.
    private(set) var query: ArraySlice<UInt8>?

    /// - Parameters:
    ///   - text: UTF-8.
    ///   - baseScheme: `http` or `https`.
    init(_ text: [UInt8], baseScheme: String) {
        var rest = Self.trimmed(text)
        if let hash = rest.firstIndex(of: UInt8(ascii: "#")) { rest = rest[..<hash] }
        let scheme = Self.takeScheme(&rest)
        if let scheme, scheme != "http", scheme != "https" {
            start = .otherScheme
            return
        }
        let slashes = rest.prefix(while: Self.isSlash).count
        // > Otherwise, if url is special, base is non-null, and base's scheme is url's scheme: …
        // > set state to special relative or authority state.
        // > Otherwise, if url is special, set state to special authority slashes state.
        let namesHost = slashes >= 2 || scheme.map { $0 != baseScheme } ?? false
        if namesHost {
            start = .host(scheme: scheme)
            rest = rest.dropFirst(slashes)
            let end = rest.firstIndex { Self.isSlash($0) || $0 == UInt8(ascii: "?") }
            authority = rest[..<(end ?? rest.endIndex)]
            if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
                authority = authority[(at + 1)...]
            }
            rest = rest[(end ?? rest.endIndex)...]
        } else if slashes == 1 {
            start = .root
        } else if rest.isEmpty {
            start = .base
            return
        } else {
            start = rest.first == UInt8(ascii: "?") ? .query : .folder
        }
        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        query = mark.map { rest[($0 + 1)...] }
        let written = rest[..<(mark ?? rest.endIndex)]
        path =
            written.contains(UInt8(ascii: "\\"))
            ? ArraySlice(written.map { Self.isSlash($0) ? UInt8(ascii: "/") : $0 }) : written
    }

    private static func isSlash(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
    }

    /// Without controls and spaces at both ends, and without tabs and line ends anywhere.
    private static func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
        guard let first = text.firstIndex(where: { $0 > 0x20 }),
            let last = text.lastIndex(where: { $0 > 0x20 })
        else { return [] }
        let isLineEnd = { (byte: UInt8) in byte == 0x09 || byte == 0x0A || byte == 0x0D }
        let inner = text[first...last]
        return inner.contains(where: isLineEnd) ? inner.filter { !isLineEnd($0) }[...] : inner
    }

    /// Takes a scheme and its colon off the front, in lower case; `nil` where there is none.
    private static func takeScheme(_ text: inout ArraySlice<UInt8>) -> String? {
        guard let first = text.first, first.isASCIILetter else { return nil }
        let isPart = { (byte: UInt8) in
            byte.isASCIILetter || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: ".")
        }
        guard let end = text.firstIndex(where: { !isPart($0) }), text[end] == UInt8(ascii: ":")
        else { return nil }
        defer { text = text[(end + 1)...] }
        return String(decoding: text[..<end], as: UTF8.self).lowercased()
    }
}
