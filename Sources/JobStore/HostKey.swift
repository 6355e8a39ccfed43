/// A host as connections see it: scheme, name and port.
public struct HostKey: Hashable, Sendable {
    /// `http` or `https`.
    public let scheme: String
    /// The name or address in lower case; an IPv6 address with its brackets.
    public let name: String
    /// The port; empty for the port that belongs to the scheme.
    public let port: String

    public init(scheme: String, name: String, port: String) {
        self.scheme = scheme.lowercased()
        self.name = name.lowercased()
        self.port = port == Self.ownPort(ofScheme: self.scheme) ? "" : port
    }

    /// The host of a URL, whose user name and password have no part in it.
    ///
    /// - Parameter url: A URL with a scheme and `//`.
    public init(of url: String) {
        let scheme = url.firstRange(of: "://").map { url[..<$0.lowerBound] } ?? ""
        let (_, name, port) = RequestTemplate.authority(of: url)
        self.init(scheme: String(scheme), name: String(name), port: String(port))
    }

    public var isHTTPS: Bool { scheme == "https" }

    /// Scheme, name and port as in a URL: `https://api.example.com:8443`.
    public var text: String { "\(scheme)://\(name)" + (port.isEmpty ? "" : ":\(port)") }

    private static func ownPort(ofScheme scheme: String) -> String {
        scheme == "https" ? "443" : "80"
    }
}
