/// The parts of a URL in normal form, by which it is judged.
struct URLParts {
    /// Host and port, without a user, and without the port of the scheme.
    let site: ArraySlice<UInt8>
    /// The host alone.
    let host: String
    /// The path from its slash on.
    let path: ArraySlice<UInt8>
    /// The query behind its question mark; `nil` without one.
    let query: ArraySlice<UInt8>?
    /// The URL as a whole.
    let bytes: [UInt8]

    /// - Returns: `nil` when the text is no URL of HTTP or HTTPS.
    init?(_ url: String) {
        let text = Array(url.utf8)
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count + 1) { room, count in
            count = text.withUnsafeBytes {
                NormalURL.write($0, to: UnsafeMutableRawBufferPointer(room))
            }
        }
        guard bytes.starts(with: "http://".utf8) || bytes.starts(with: "https://".utf8) else {
            return nil
        }
        let start = bytes[4] == UInt8(ascii: "s") ? 8 : 7
        // The normal form has a slash behind the authority.
        guard let slash = bytes[start...].firstIndex(of: UInt8(ascii: "/")), slash > start else {
            return nil
        }
        let authority = bytes[start..<slash]
        site =
            authority.lastIndex(of: UInt8(ascii: "@")).map { authority[($0 + 1)...] } ?? authority
        let end =
            site.first == UInt8(ascii: "[")
            ? site.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 }
            : site.firstIndex(of: UInt8(ascii: ":"))
        host = String(decoding: site[..<(end ?? site.endIndex)], as: UTF8.self)
        guard !host.isEmpty else { return nil }
        self.bytes = bytes
        let mark = bytes[slash...].firstIndex(of: UInt8(ascii: "?"))
        path = bytes[slash..<(mark ?? bytes.endIndex)]
        query = mark.map { bytes[($0 + 1)...] }
    }

    /// The segments of the path that are not empty.
    var segments: [ArraySlice<UInt8>] { path.split(separator: UInt8(ascii: "/")) }

    /// The number of parameters in the query.
    var parameterCount: Int { query?.split(separator: UInt8(ascii: "&")).count ?? 0 }
}
