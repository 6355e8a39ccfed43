/// Addresses that lead inward: to this machine, its network, or its provider's services.
///
/// - SeeAlso: <https://www.iana.org/assignments/iana-ipv4-special-registry>,
///   <https://www.iana.org/assignments/iana-ipv6-special-registry>
extension IPAddress {
    /// Whether the address is none of the public internet: one of this machine (loopback), of a
    /// private or carrier's network, of a link, which is where clouds keep their metadata, of a
    /// group of machines, or reserved. An address of IPv6 that stands for one of IPv4 is judged as
    /// that one. Addresses for documentation count as public.
    var isInward: Bool {
        if let embedded = embeddedIPv4 { return embedded.isInward }
        return isIPv6 ? Self.inwardIPv6.contains { $0.contains(bytes) } : isInwardIPv4
    }

    private var isInwardIPv4: Bool { Self.inwardIPv4.contains { $0.contains(bytes) } }

    /// The address of IPv4 that a mapped, translated or tunnelled address of IPv6 stands for; `nil`
    /// when there is none.
    private var embeddedIPv4: IPAddress? {
        guard isIPv6 else { return nil }
        // `::` and `::1` are no addresses of IPv4, although the prefix of those holds them.
        if Self.oneMachine.contains(where: { $0.contains(bytes) }) { return nil }
        if Self.lastFour.contains(where: { $0.contains(bytes) }) {
            return IPAddress(bytes: bytes[12...])
        }
        return Self.tunnel.contains(bytes) ? IPAddress(bytes: bytes[2..<6]) : nil
    }

    /// The first bits of addresses.
    private struct Prefix {
        let bytes: [UInt8]
        let bits: Int

        /// - Parameter bytes: The first bytes; the others are 0, and need not be given.
        init(_ bytes: UInt8..., bits: Int) {
            self.bytes = bytes
            self.bits = bits
        }

        /// - Parameter address: An address of the prefix's own family.
        func contains(_ address: [UInt8]) -> Bool {
            for index in 0..<(bits + 7) / 8 {
                let count = min(8, bits - 8 * index)
                let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - count))
                let wanted = index < bytes.count ? bytes[index] : 0
                if address[index] & mask != wanted & mask { return false }
            }
            return true
        }
    }

    private static let inwardIPv4 = [
        Prefix(0, bits: 8),  // this network; 0.0.0.0 is this machine
        Prefix(10, bits: 8),  // private
        Prefix(100, 64, bits: 10),  // carriers' own; 100.100.100.200 is a cloud's metadata
        Prefix(127, bits: 8),  // loopback
        Prefix(169, 254, bits: 16),  // of a link; 169.254.169.254 is a cloud's metadata
        Prefix(172, 16, bits: 12),  // private
        Prefix(192, 0, 0, bits: 24),  // for protocols
        Prefix(192, 168, bits: 16),  // private
        Prefix(198, 18, bits: 15),  // for measurements
        Prefix(224, bits: 4),  // groups
        Prefix(240, bits: 4),  // reserved, and all machines of a link
    ]
    private static let inwardIPv6 =
        oneMachine + [
            Prefix(0, 0x64, 0xFF, 0x9B, 0, 1, bits: 48),  // a network's own translation to IPv4
            Prefix(0xFC, bits: 7),  // private; fd00:ec2::254 is a cloud's metadata
            Prefix(0xFE, 0x80, bits: 10),  // of a link
            Prefix(0xFE, 0xC0, bits: 10),  // of a site, as it was once called
            Prefix(0xFF, bits: 8),  // groups
        ]
    private static let oneMachine = [
        Prefix(bits: 128),
        Prefix(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, bits: 128),
    ]
    /// Addresses that end with one of IPv4.
    private static let lastFour = [
        Prefix(bits: 96),  // ::1.2.3.4, as it was once written
        Prefix(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, bits: 96),  // ::ffff:1.2.3.4
        Prefix(0, 0x64, 0xFF, 0x9B, bits: 96),  // 64:ff9b::1.2.3.4, translated (NAT64)
    ]
    /// Addresses with one of IPv4 behind their first two bytes (6to4).
    private static let tunnel = Prefix(0x20, 0x02, bits: 16)
}
