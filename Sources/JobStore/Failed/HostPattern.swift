/// A set of hosts, as people name it: `example.com` on any port, `example.com:8443`, or with a
/// scheme, and then the scheme's own port where none is given: `https://example.com`.
public struct HostPattern: Hashable, Sendable {
    /// The pattern as it was written.
    public let text: String
    private let scheme: String?
    private let name: String
    private let port: String?

    /// - Returns: `nil` when the text names no host.
    public init?(_ text: String) {
        self.text = text
        let scheme = text.firstRange(of: "://").map { text[..<$0.lowerBound].lowercased() }
        guard scheme == nil || scheme == "http" || scheme == "https" else { return nil }
        let rest = scheme == nil ? "http://" + text : text
        let (user, name, port) = RequestTemplate.authority(of: rest)
        let end = rest.unicodeScalars.suffix(
            from: rest.firstRange(of: "://")?.upperBound ?? rest.startIndex
        ).drop { !"/?#".unicodeScalars.contains($0) }
        guard user == nil, !name.isEmpty, end.isEmpty || end.elementsEqual("/".unicodeScalars),
            port.utf8.allSatisfy({ 0x30...0x39 ~= $0 })
        else { return nil }
        self.scheme = scheme
        self.name = name.lowercased()
        self.port =
            scheme == nil
            ? (port.isEmpty ? nil : String(port))
            : HostKey(scheme: scheme ?? "", name: String(name), port: String(port)).port
    }

    public func matches(_ host: HostKey) -> Bool {
        guard host.name == name, scheme == nil || host.scheme == scheme else { return false }
        guard let port else { return true }
        if scheme != nil { return host.port == port }
        let own = host.port.isEmpty ? (host.isHTTPS ? "443" : "80") : host.port
        return own == port
    }
}
