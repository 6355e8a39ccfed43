internal import Glibc

/// Tells the hosts of this machine and of private networks, which are crawled by those who run them.
enum LocalNames {
    /// Whether a URL's host is `localhost`, a name below it, or an address that is not public.
    ///
    /// - Parameter name: In lower case; an address of IPv6 with its brackets.
    static func contain(_ name: String) -> Bool {
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        // The zone of a link-local address says nothing of its kind.
        let bare = name.hasPrefix("[") ? name.prefix { $0 != "%" && $0 != "]" } + "]" : name[...]
        return isLocal(IPAddress(bare) ?? address(inParts: name))
    }

    /// Whether an address is not public, as libcurl writes those it has connected to.
    static func isLocal(address text: [UInt8]) -> Bool {
        let text = String(decoding: text.prefix { $0 != UInt8(ascii: "%") }, as: UTF8.self)
        return isLocal(IPAddress(text))
    }

    /// Returns the address of a name such as `127.1` or `0x7f000001`, which libcurl takes for one.
    private static func address(inParts name: String) -> IPAddress? {
        guard let first = name.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        else { return nil }
        var address = in_addr()
        guard inet_aton(name, &address) != 0 else { return nil }
        let bytes = withUnsafeBytes(of: address.s_addr) { Array($0) }
        return IPAddress(bytes.map(String.init).joined(separator: "."))
    }

    private static func isLocal(_ address: IPAddress?) -> Bool {
        guard let bytes = address?.bytes else { return false }
        if bytes.count == 4 { return isLocal(v4: bytes) }
        // An address of IPv4 in one of IPv6 (RFC 4291, 2.5.5.2).
        if bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) {
            return isLocal(v4: Array(bytes[12...]))
        }
        // None, loopback, unique local (RFC 4193), link-local.
        return bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] <= 1
            || bytes[0] & 0xFE == 0xFC || bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
    }

    private static func isLocal(v4 bytes: [UInt8]) -> Bool {
        switch (bytes[0], bytes[1]) {
        // This network, private (RFC 1918), loopback, link-local.
        case (0, _), (10, _), (127, _), (169, 254), (172, 16...31), (192, 168): true
        // Shared by customers of a provider (RFC 6598).
        case (100, 64...127): true
        default: false
        }
    }
}
