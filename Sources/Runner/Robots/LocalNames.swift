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
        return withUnsafeTemporaryAllocation(of: in_addr.self, capacity: 1) { address in
            // A buffer of one has an address.
            guard let base = address.baseAddress, inet_aton(name, base) != 0 else { return nil }
            return IPAddress(bytes: UnsafeRawBufferPointer(address))
        }
    }

    private static func isLocal(_ address: IPAddress?) -> Bool { address?.isInward ?? false }
}
