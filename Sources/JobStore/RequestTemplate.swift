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
    /// The names that placeholders may have; in headers and bodies, what has another is text.
    public let names: Set<String>

    /// - Parameter fields: The names of the fields of a list's lines, which placeholders may stand
    ///   for; `nil` for a range.
    /// - Throws: `Malformed` when the URL has no placeholder, or one that is neither `{id}`, `{}`
    ///   or `{id:08}` nor a field, when the scheme is not http or https, the host is missing, or a byte cannot
    ///   stand in a URL. A template that is to be enqueued must pass `check`, too.
    public init(
        parsing url: String, fields: [String]? = nil, method: HTTPMethod = .get,
        headers: [HeaderSource] = [],
        body: BodyTemplate? = nil
    ) throws(Malformed) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        names = Self.names(fields)
        urlTemplate = TextTemplate(strictly: url.utf8)
        if fields != nil, isWholeURL {
            try checkPlaceholders()
            return
        }
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
        let rest = url.utf8.dropFirst(scheme.utf8.count)
        let authority = rest.prefix { !"/?#".utf8.contains($0) }
        try checkPlaceholders()
        try Self.checkAuthority(Substring(authority), of: url)
    }

    /// Whether the URL is a field as it stands in the line.
    public var isWholeURL: Bool {
        urlTemplate.placeholders.count == 1 && urlTemplate.texts.allSatisfy(\.isEmpty)
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

    /// The names of placeholders. `{}` stands for the ID, or for the field of lines that have one.
    private static func names(_ fields: [String]?) -> Set<String> {
        let others =
            fields?.count ?? 1 == 1
            ? ["", TextTemplate.Placeholder.idName] : [TextTemplate.Placeholder.idName]
        return Set((fields ?? []) + others)
    }

    private func checkPlaceholders() throws(Malformed) {
        let isPlain = urlTemplate.texts.allSatisfy { text in
            !text.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
        }
        guard isPlain, urlTemplate.placeholders.allSatisfy({ names.contains($0.name) }) else {
            let others = names.subtracting(["", TextTemplate.Placeholder.idName]).sorted()
            if !others.isEmpty {
                throw Malformed(
                    "the URL '\(url)' holds a brace that is no placeholder; there are {\(others.prefix(20).joined(separator: "}, {"))} and {id}; write others as %7B or %7D"
                )
            }
            throw Malformed(
                "the URL '\(url)' holds a brace that is not the placeholder {id}, {} or {id:08}; write it as %7B or %7D"
            )
        }
        guard !urlTemplate.placeholders.isEmpty else {
            throw Malformed("the URL '\(url)' has no placeholder; put {id} where the ID belongs")
        }
    }

    /// The reason a text is not a request template.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }
}
