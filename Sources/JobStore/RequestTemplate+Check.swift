extension RequestTemplate {
    /// Refuses requests that no job can be fetched with, once, instead of failing each job.
    ///
    /// This check is not part of `init(parsing:)`: queues made before the check existed may hold
    /// such a template, and must still be readable.
    ///
    /// - Throws: `Malformed`, which says what to write instead.
    public func check() throws(Malformed) {
        try checkHost()
        try checkHeaders()
        guard body?.bytes.count ?? 0 <= BodyTemplate.bytesMax else {
            throw Malformed(
                "the body has \(body?.bytes.count ?? 0) bytes; a batch keeps \(BodyTemplate.bytesMax) at most"
            )
        }
        guard body == nil || method != .head && method != .trace else {
            throw Malformed("a \(method.rawValue) request has no body; give another method")
        }
    }

    /// The most bytes of all header fields together.
    public static let headerBytesMax = 64 << 10

    /// The fields that say how a message is carried, which are the transport's business.
    private static let transportFields = [
        "Connection", "Content-Length", "Expect", "HTTP2-Settings", "Keep-Alive",
        "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
    ]

    private func checkHeaders() throws(Malformed) {
        var (bytes, hosts) = (0, 0)
        for header in headers {
            guard case .field(let field) = header else { continue }
            bytes += field.name.utf8.count + field.value.byteCount
            if HeaderTemplate.isSame(field.name, "Host") { hosts += 1 }
            let own = Self.transportFields.first { HeaderTemplate.isSame($0, field.name) }
            if let own, field.value != .none {
                throw Malformed("the header '\(own)' is set for each request; leave it out")
            }
        }
        guard bytes <= Self.headerBytesMax else {
            throw Malformed(
                "the headers have \(bytes) bytes; requests take \(Self.headerBytesMax) at most")
        }
        guard hosts <= 1 else { throw Malformed("there is more than one header 'Host'; keep one") }
    }

    /// The URL for people and logs, with user name and password shown as `***`.
    public var shownURL: String {
        guard let start = url.firstRange(of: "://")?.upperBound,
            let user = Self.authority(of: url).user
        else { return url }
        return url[..<start] + "***" + url[start...].dropFirst(user.count)
    }

    /// The URL with its placeholders, but without user name and password, for the output.
    public var publicURLTemplate: TextTemplate {
        guard let start = url.firstRange(of: "://")?.upperBound,
            let user = Self.authority(of: url).user
        else { return urlTemplate }
        let bare = url[..<start] + url[start...].dropFirst(user.count + 1)
        return TextTemplate(strictly: bare.utf8)
    }
}

extension HeaderTemplate.Value {
    fileprivate var byteCount: Int {
        switch self {
        case .text(let text), .credentials(let text): text.utf8.count
        case .none: 0
        }
    }
}
