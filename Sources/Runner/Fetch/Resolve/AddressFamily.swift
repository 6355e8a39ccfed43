internal import Glibc

/// The addresses that connections may go to.
public enum AddressFamily: Sendable {
    case any, ipv4, ipv6

    /// The number that lookups take.
    var number: Int32 {
        switch self {
        case .any: AF_UNSPEC
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        }
    }

    /// Picks the addresses of this family.
    ///
    /// - Parameter addresses: Addresses in the form of `NameAnswer.addresses`.
    /// - Returns: The same form; `nil` when no address is left.
    func only(_ addresses: String) -> String? {
        if self == .any { return addresses }
        let picked = addresses.split(separator: ",").filter { $0.contains(":") == (self == .ipv6) }
        return picked.isEmpty ? nil : picked.joined(separator: ",")
    }
}
