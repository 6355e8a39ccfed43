/// The hosts that are reached without a proxy, as curl reads `no_proxy` since 7.86. Pure.
///
/// | item | hosts without a proxy |
/// |---|---|
/// | `*` as the whole list | all |
/// | `example.com`, `.example.com` | `example.com` and `www.example.com`, not `notexample.com` |
/// | `10.1.2.3`, `::1` | that address |
/// | `10.0.0.0/8`, `fd00::/8` | the addresses of that network |
///
/// An item counts for all ports of its hosts; one with a port matches nothing. Names are not looked
/// up: the list's addresses stand for URLs with an address.
public struct ProxyExceptions: Sendable, Equatable {
    fileprivate enum Item: Equatable {
        /// A name in lower case, without the dots around it.
        case name(String)
        case network(address: [UInt8], bits: Int)
    }

    private let isEverything: Bool
    private let items: [Item]

    /// - Parameter list: Items with commas or blanks between.
    public init(_ list: String) {
        isEverything = list == "*"
        items = list.split { $0 == "," || $0 == " " || $0 == "\t" }.map { Self.item($0) }
    }

    private static func item(_ text: Substring) -> Item {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if let address = IPAddress(parts[0])?.bytes {
            let most = address.count * 8
            let bits = parts.count == 1 ? most : Int(parts[1]).flatMap { $0 < 0 ? nil : $0 }
            if let bits, bits <= most { return .network(address: address, bits: bits) }
        }
        let name = text.hasPrefix(".") ? text.dropFirst() : text
        return .name((name.hasSuffix(".") ? name.dropLast() : name).lowercased())
    }

    /// Whether a host is reached without a proxy.
    ///
    /// - Parameter host: A name in any case, or an address; one of IPv6 with its brackets, and
    ///   perhaps its zone.
    public func contains(_ host: String) -> Bool {
        if isEverything { return true }
        if items.isEmpty { return false }
        let bare = host.hasPrefix("[") ? host.prefix { $0 != "%" && $0 != "]" } + "]" : host[...]
        if let address = IPAddress(bare)?.bytes {
            return items.contains { $0.matches(address: address) }
        }
        let name = (host.hasSuffix(".") ? host.dropLast() : host[...]).lowercased()
        return items.contains { $0.matches(name: name) }
    }
}

extension ProxyExceptions.Item {
    fileprivate func matches(name: String) -> Bool {
        switch self {
        case .name(let domain):
            !domain.isEmpty && (name == domain || name.hasSuffix("." + domain))
        case .network: false
        }
    }

    fileprivate func matches(address: [UInt8]) -> Bool {
        switch self {
        case .name: return false
        case .network(let network, let bits):
            guard network.count == address.count else { return false }
            return zip(network, address).enumerated().allSatisfy { index, pair in
                let left = min(8, max(0, bits - 8 * index))
                return (pair.0 ^ pair.1) >> (8 - UInt8(left)) == 0
            }
        }
    }
}
