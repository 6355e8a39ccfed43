/// The requests of a batch's jobs: a URL, header fields and a body in which placeholders stand for
/// values of a job.
public struct RequestTemplate: Equatable, Sendable {
    /// The URL as it was given.
    public let url: String
    /// The URL with its placeholders, one or more.
    public let urlTemplate: TextTemplate
    public let method: HTTPMethod
    /// The header fields in the order they were given.
    public let headers: [HeaderSource]
    /// The body; `nil` for a request without one.
    public let body: BodyTemplate?

    /// - Throws: `Malformed` when the URL has no placeholder or one that is not `{id}`, `{}` or
    ///   `{id:08}`, when the scheme is not http or https, the host is missing, or a byte cannot
    ///   stand in a URL. A template that is to be enqueued must pass `check`, too.
    public init(
        parsing url: String, method: HTTPMethod = .get, headers: [HeaderSource] = [],
        body: BodyTemplate? = nil
    ) throws(Malformed) {
        try Self.checkBytes(url)
        let scheme = ["http://", "https://"].first { Self.begins(url, with: $0) }
        guard let scheme else {
            let named = url.firstRange(of: "://").map { String(url[..<$0.lowerBound]) }
            if let bare = ["http:", "https:"].first(where: { Self.begins(url, with: $0) }) {
                throw Malformed("the URL '\(url)' lacks // after \(bare); write it as \(bare)//…")
            }
            throw Malformed(
                named.map { "the URL's scheme is '\($0)'; only http and https are fetched" }
                    ?? "the URL '\(url)' has no scheme; did you mean https://\(url)?")
        }
        urlTemplate = try Self.template(of: url)
        let rest = url.utf8.dropFirst(scheme.utf8.count)
        let authority = rest.prefix { !"/?#".utf8.contains($0) }
        try Self.checkAuthority(Substring(authority), of: url)
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
    }

    /// - Parameter scheme: The scheme in lower case; the letters of the URL may be in either case.
    private static func begins(_ url: String, with scheme: String) -> Bool {
        let start = url.utf8.prefix(scheme.utf8.count)
        return start.elementsEqual(scheme.utf8) { byte, lower in
            byte == lower
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) && byte + 32 == lower
        }
    }

    /// Whether every job goes to the same host: no placeholder stands before the path.
    public var hasOneHost: Bool {
        let first = urlTemplate.texts[0]
        let slash = UInt8(ascii: "/")
        guard let colon = first.firstIndex(of: UInt8(ascii: ":")) else { return false }
        return first[colon...].dropFirst(3).contains { "/?#".utf8.contains($0) }
            && first[colon...].dropFirst().prefix(2).elementsEqual([slash, slash])
    }

    /// The URL of one job.
    public func url(for id: Int) -> String {
        String(decoding: urlTemplate.text(for: id), as: UTF8.self)
    }

    private static func checkBytes(_ url: String) throws(Malformed) {
        for byte in url.utf8 where byte <= 0x20 || byte == 0x7F {
            // > libcurl sends what it is given: a line break in a URL would be a header of its own.
            guard byte == 0x20 else {
                throw Malformed(
                    "the URL holds a control character (0x\(String(byte, radix: 16))); percent-encode it"
                )
            }
            let host = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? ""
            let isBeforePath = host.first { " /?#".contains($0) } == " "
            throw Malformed(
                isBeforePath
                    ? "the URL holds a space before its path; take it out"
                    : "the URL holds a space; write it as %20")
        }
    }

    /// Refuses, once, an authority that libcurl would refuse for each job.
    private static func checkAuthority(_ authority: Substring, of url: String) throws(Malformed) {
        let address = authority.lastIndex(of: "@").map { authority[$0...].dropFirst() } ?? authority
        var host = address
        var port: Substring = ""
        guard address.hasPrefix("[") || address.count(where: { $0 == ":" }) < 2 else {
            throw Malformed(
                "the URL '\(url)' has more than one : before its path; write an IPv6 address as [::1]"
            )
        }
        if address.hasPrefix("[") {
            guard let end = address.firstIndex(of: "]"),
                address[end...].count == 1 || address[end...].hasPrefix("]:")
            else {
                throw Malformed("the URL '\(url)' has a host in [ without its ]; write it as [::1]")
            }
            host = address[..<end].dropFirst()
            port = address[end...].dropFirst(2)
        } else if let colon = address.firstIndex(of: ":") {
            host = address[..<colon]
            port = address[colon...].dropFirst()
        }
        guard !host.isEmpty else {
            throw Malformed("the URL '\(url)' names no host; write it as http://host/{id}")
        }
        guard port.isEmpty || port.contains("{") || UInt16(port) ?? 0 > 0 else {
            throw Malformed("the URL '\(url)' has no port '\(port)'; give a number from 1 to 65535")
        }
    }

    /// The names of the placeholders for an ID.
    static let idNames: Set<String> = ["", TextTemplate.Placeholder.idName]

    private static func template(of url: String) throws(Malformed) -> TextTemplate {
        let template = TextTemplate(strictly: url.utf8)
        let isPlain = template.texts.allSatisfy { text in
            !text.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
        }
        guard isPlain, template.placeholders.allSatisfy({ idNames.contains($0.name) }) else {
            throw Malformed(
                "the URL '\(url)' holds a brace that is not the placeholder {id}, {} or {id:08}; write it as %7B or %7D"
            )
        }
        guard !template.placeholders.isEmpty else {
            throw Malformed("the URL '\(url)' has no placeholder; put {id} where the ID belongs")
        }
        return template
    }

    /// The reason a text is not a request template.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }
}
