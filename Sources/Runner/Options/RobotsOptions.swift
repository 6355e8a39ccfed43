/// The files of robots.txt that a run honours, and its name in them.
public struct RobotsOptions: Equatable, Sendable {
    /// The origins whose robots.txt is honoured.
    public enum Scope: Sendable {
        /// Those of batches that have several hosts, but for this machine and private networks.
        case severalHosts
        /// All, whatever their address.
        case all
        /// None.
        case none
    }

    public var scope = Scope.severalHosts
    /// The product token by which files of robots.txt name the crawler, in either case.
    public var agent = "runner"

    public init() {}

    /// Names the crawler as its User-Agent begins: `runner` for `runner/1.0 (+https://…)`. One that
    /// begins with no name changes nothing.
    public init(userAgent: String) {
        let token = Self.token(of: userAgent)
        if !token.isEmpty { agent = token }
    }

    /// Returns the letters, digits, `-` and `_` that a text begins with.
    static func token(of text: String) -> String {
        String(
            decoding: text.utf8.prefix {
                $0.isLetterOrDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }, as: UTF8.self)
    }
}
