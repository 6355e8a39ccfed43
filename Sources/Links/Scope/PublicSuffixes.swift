internal import CPsl
internal import Glibc

/// The names below which anybody may register one, by the public suffix list of the system.
/// - SeeAlso: <https://publicsuffix.org>
enum PublicSuffixes {
    /// The newest list that there is; `nil` when the system has none.
    // Never changed once it is loaded, and read by functions that only look at it.
    private nonisolated(unsafe) static let list = psl_latest(nil)

    /// The registrable domain of a host: `example.co.uk` of `www.example.co.uk`.
    ///
    /// - Parameter host: A name in lower case, in the form of name servers, or an address.
    /// - Returns: `nil` of an address, and of a name that is a public suffix itself or one word.
    static func registrableDomain(of host: String) -> String? {
        guard let list, !isAddress(host) else { return nil }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        return name.withCString { name in
            psl_registrable_domain(list, name).map { String(cString: $0) }
        }
    }

    private static func isAddress(_ host: String) -> Bool {
        if host.hasPrefix("[") { return true }
        var bytes: (UInt64, UInt64) = (0, 0)
        return inet_pton(AF_INET, host, &bytes) == 1
    }
}
