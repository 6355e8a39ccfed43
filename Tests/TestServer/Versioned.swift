import NIOCore

/// A resource with validators, and the ways a server may be odd about them.
///
/// The origin has a revision, which `/_/revise` raises; resources whose ID ends in 0 change with it.
enum Versioned: String {
    /// An entity tag alone.
    case tag
    /// Last-Modified alone, as asctime writes it; If-Modified-Since must be an IMF-fixdate.
    case date
    case both
    case weak
    /// A tag without its quotes.
    case bare
    /// Two tags that differ.
    case two
    /// A tag of 256 bytes, which is the most that a client of ours keeps, and one of 257.
    case long256, long257
    /// A tag of bytes that are no UTF-8.
    case bytes
    /// A tag with a control byte.
    case control
    /// A tag, and 200 whatever is asked.
    case always
    /// A tag, and 412 to each request with a condition.
    case refusing
    /// A tag, and a redirect to another resource, from the second revision on.
    case moving
    /// A tag, and in its 304 the coding of the body that there would be.
    case coded
    /// A tag, and in its 304 the coding and the length of the body that there would be.
    case sized
    /// A tag, but a 404 in the second revision.
    case away

    /// The value of ETag.
    private func tag(of id: Int, version: Int) -> [UInt8]? {
        // As random as servers' tags are, so that they do not shrink.
        let opaque = String(UInt64(id) &* 0x9E37_79B9_7F4A_7C15 >> 16, radix: 16) + "-\(version)"
        let tag = Array("\"\(opaque)\"".utf8)
        func long(_ count: Int) -> [UInt8] {
            tag.dropLast() + [UInt8](repeating: 0x61, count: count - tag.count) + [0x22]
        }
        return switch self {
        case .date: nil
        case .weak: Array("W/".utf8) + tag
        case .bare: Array(opaque.utf8)
        case .long256: long(256)
        case .long257: long(257)
        case .bytes: [0x22, 0xE9, 0xFF] + tag.dropFirst()
        case .control: [0x22, 0x01] + tag.dropFirst()
        case .tag, .both, .two, .always, .refusing, .moving, .coded, .sized, .away: tag
        }
    }

    /// The second of 08:49 on 6 November 1994 at which it changed.
    private static func second(_ version: Int) -> String {
        (version < 10 ? "0" : "") + "\(version)"
    }

    fileprivate func script(for request: Request, _ counter: HitCounter) -> Script {
        let revision = counter.revision
        let id = request.id ?? 0
        let version = id % 10 == 0 ? revision % 60 : 1
        let tag = tag(of: id, version: version)
        let second = Self.second(version)
        let hasDate = self == .date || self == .both
        let isAsked = request.ifNoneMatch != nil || request.ifModifiedSince != nil
        var isUnchanged = false
        defer { if isAsked { counter.wasAsked(unchanged: isUnchanged) } }
        if self == .away, revision == 2 { return request.answer(404) }
        if self == .moving, revision > 1 {
            return request.answer(302, fields: [("Location", "/versioned/tag/\(id)")])
        }
        if self == .refusing, request.ifNoneMatch != nil { return request.answer(412) }
        // > A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match header
        // > field <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3>
        let isKnown =
            request.ifNoneMatch.map { $0 == tag }
            ?? (hasDate
                && request.ifModifiedSince
                    == Array("Sun, 06 Nov 1994 08:49:\(second) GMT".utf8))
        isUnchanged = isKnown && self != .always
        var head = ByteBuffer()
        head.writeString(isUnchanged ? "HTTP/1.1 304 Not Modified\r\n" : "HTTP/1.1 200 OK\r\n")
        if let tag {
            head.writeString("ETag: ")
            head.writeBytes(tag)
            head.writeString("\r\n")
        }
        if self == .two { head.writeString("ETag: \"other\"\r\n") }
        if hasDate { head.writeString("Last-Modified: Sun Nov  6 08:49:\(second) 1994\r\n") }
        if !request.keepsAlive { head.writeString("Connection: close\r\n") }
        let text = "\(id) \(version)\n"
        guard !isUnchanged else {
            if self == .coded || self == .sized { head.writeString("Content-Encoding: gzip\r\n") }
            if self == .sized { head.writeString("Content-Length: \(text.utf8.count)\r\n") }
            head.writeString("\r\n")
            return [.bytes(head)]
        }
        head.writeString("Content-Type: text/plain\r\nContent-Length: \(text.utf8.count)\r\n\r\n")
        return [.bytes(head)] + request.body(.text(text))
    }
}

extension Request {
    func versionedScript(_ versioned: Versioned, _ counter: HitCounter) -> Script {
        versioned.script(for: self, counter)
    }
}
