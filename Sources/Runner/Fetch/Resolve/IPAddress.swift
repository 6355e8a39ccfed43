internal import Glibc

/// An address of IPv4 or IPv6.
struct IPAddress: Equatable {
    /// The 4 or 16 bytes of the address in network order.
    let bytes: [UInt8]

    var isIPv6: Bool { bytes.count == 16 }

    /// - Parameter bytes: 4 or 16 bytes in network order.
    init(bytes: some Collection<UInt8>) {
        precondition(bytes.count == 4 || bytes.count == 16, "an address has 4 or 16 bytes")
        self.bytes = Array(bytes)
    }

    /// Reads an address as people write it; one of IPv6 with or without brackets, and without a
    /// zone.
    init?(_ text: some StringProtocol) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, String(text), &bytes) == 1 {
            self.bytes = Array(bytes[..<4])
            return
        }
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let bare = isBracketed ? String(text.dropFirst().dropLast()) : String(text)
        guard inet_pton(AF_INET6, bare, &bytes) == 1 else { return nil }
        self.bytes = bytes
    }
}
