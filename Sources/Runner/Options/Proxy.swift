/// A proxy that requests go through.
public struct Proxy: Sendable, Hashable {
    /// The protocols that a proxy may speak; the names are those of curl's schemes.
    public enum Kind: String, Sendable, CaseIterable {
        case http, https, socks4, socks4a, socks5, socks5h

        /// curl's default ports.
        fileprivate var ownPort: Int { self == .https ? 443 : 1080 }
    }

    /// A user name and password. No description shows them.
    public struct Credentials: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
        let user: String
        let password: String

        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        public var description: String { "***" }
        public var customMirror: Mirror { Mirror(self, children: []) }
    }

    /// The reason why a text is no proxy. The description is the end of a sentence that begins with
    /// the text's name, and shows nothing that may be a password.
    public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    public let kind: Kind
    /// The name or address in lower case; an IPv6 address with its brackets.
    public let host: String
    public let port: Int
    public let credentials: Credentials?

    /// Reads `[scheme://][user:password@]host[:port]`. Without a scheme it is `http`; user name and
    /// password are percent-decoded; a path is ignored, as curl does.
    ///
    /// - Parameter others: The credentials where `text` has none.
    public init(_ text: String, credentials others: Credentials? = nil) throws(Fault) {
        var rest = text[...]
        var kind = Kind.http
        if let mark = text.firstRange(of: "://") {
            guard let known = Kind(rawValue: text[..<mark.lowerBound].lowercased()) else {
                throw Fault(description: "has a scheme that no proxy has")
            }
            kind = known
            rest = text[mark.upperBound...]
        }
        rest = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        var own: Credentials?
        if let at = rest.lastIndex(of: "@") {
            own = try Credentials(encoded: rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        let (host, port) = try Self.place(rest)
        self.kind = kind
        self.host = host
        self.port = port ?? kind.ownPort
        credentials = own ?? others
        try checkLengths()
    }

    /// Splits `host[:port]`.
    private static func place(_ text: Substring) throws(Fault) -> (host: String, port: Int?) {
        let afterAddress = text.hasPrefix("[") ? text.firstIndex(of: "]") : text.startIndex
        guard let afterAddress else { throw Fault(description: "has a [ without its ]") }
        let colon = text[afterAddress...].firstIndex(of: ":")
        let host = text[..<(colon ?? text.endIndex)].lowercased()
        guard !host.isEmpty else { throw Fault(description: "has no host") }
        guard isHost(host) else {
            throw Fault(description: "has a host with a character that none has")
        }
        guard let colon else { return (host, nil) }
        guard let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            throw Fault(description: "has a port that is no number from 1 to 65535")
        }
        return (host, Int(port))
    }

    private static func isHost(_ text: String) -> Bool {
        if text.hasPrefix("[") {
            let bare = text.dropFirst().dropLast().prefix { $0 != "%" }
            return text.hasSuffix("]") && IPAddress(bare)?.isIPv6 == true
        }
        return text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    /// > UNAME … 1 to 255 octets
    /// <https://www.rfc-editor.org/rfc/rfc1929#section-2>
    private func checkLengths() throws(Fault) {
        guard !isHTTP, let credentials else { return }
        if max(credentials.user.utf8.count, credentials.password.utf8.count) > 255 {
            throw Fault(description: "has a user name or password of more than 255 bytes")
        }
    }

    // MARK: - Use

    /// Whether the proxy speaks HTTP, by TLS or not; otherwise it speaks SOCKS.
    var isHTTP: Bool { kind == .http || kind == .https }

    /// Whether the host's name is an address.
    var isAddress: Bool {
        host.hasPrefix("[") || IPAddress(host) != nil
    }

    /// Whether the names of hosts behind the proxy are looked up here, and not by the proxy.
    var takesAddressesOnly: Bool { kind == .socks4 || kind == .socks5 }

    /// The proxy as libcurl takes it, without its credentials.
    var url: String { "\(kind.rawValue)://\(host):\(port)" }

    /// The proxy for people, with `***` in the place of its credentials.
    public var text: String {
        "\(kind.rawValue)://\(credentials == nil ? "" : "***@")\(host):\(port)"
    }
}

extension Proxy.Credentials {
    /// Reads `user:password`, both percent-encoded, as curl does. Without a colon the password is
    /// empty.
    public init(encoded text: some StringProtocol) throws(Proxy.Fault) {
        let colon = text.firstIndex(of: ":")
        let user = try Self.decoded(text[..<(colon ?? text.endIndex)])
        let password = try colon.map { colon throws(Proxy.Fault) in
            try Self.decoded(text[text.index(after: colon)...])
        }
        self.init(user: user, password: password ?? "")
    }

    private static func decoded(_ text: some StringProtocol) throws(Proxy.Fault) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                bytes.append(UInt8(digits[0] << 4 | digits[1]))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self),
            bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw Proxy.Fault(description: "has a control character in its user name or password")
        }
        return text
    }
}
