internal import Glibc

extension RequestTemplate {
    /// Refuses a host that no job can be fetched from, and a port that is not a number. A
    /// placeholder in the host is checked as the ID 1. International names pass; the check does not
    /// ask whether a name exists.
    func checkHost() throws(Malformed) {
        let (user, host, port) = Self.authority(of: url(for: 1))
        guard !(user ?? "").contains("@") else {
            throw Malformed(
                "the URL has more than one @ before its path; write an @ of the user name or password as %40"
            )
        }
        guard !(user ?? "").contains("%00") else {
            throw Malformed(
                "the URL has %00 in its user name or password, which cannot be sent; take it out")
        }
        guard port.isEmpty || port.utf8.allSatisfy(\.isDigit) else {
            throw Malformed(
                "the URL '\(shownURL)' has no port '\(port)'; give a number from 1 to 65535")
        }
        if host.hasPrefix("[") {
            guard Self.isIPv6Address(host.dropFirst().dropLast()) else {
                throw Malformed(
                    "the URL '\(shownURL)' has no IPv6 address in its brackets; write it as [::1] or [fe80::1%25eth0], and other hosts without brackets"
                )
            }
        } else if let piece = Self.pieceNoHostHas(host) {
            throw Malformed(
                "the URL '\(shownURL)' has '\(piece)' in its host, which no host has; write a name such as api.example.com, or an address such as 127.0.0.1 or [::1]"
            )
        }
    }

    /// Splits the text between `://` and the path into user, host and port; brackets belong to the
    /// host.
    static func authority(
        of url: String
    ) -> (user: Substring?, host: Substring, port: Substring) {
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        // By scalars: a delimiter is one, too, before a combining mark.
        let scalars = url.unicodeScalars
        let end = scalars[start...].firstIndex { "/?#".unicodeScalars.contains($0) }
        let authority = url[start..<(end ?? url.endIndex)]
        let at = authority.unicodeScalars.lastIndex(of: "@")
        let address = at.map { authority[scalars.index(after: $0)...] } ?? authority
        let hostEnd =
            address.hasPrefix("[")
            ? address.unicodeScalars.firstIndex(of: "]").map { scalars.index(after: $0) }
            : address.unicodeScalars.firstIndex(of: ":")
        return (
            at.map { authority[..<$0] }, address[..<(hostEnd ?? address.endIndex)],
            hostEnd.map { address[$0...].dropFirst() } ?? ""
        )
    }

    /// Whether a text is an IPv6 address, with a zone or without. libcurl takes a zone of up to 15
    /// bytes after `%25` or `%`.
    private static func isIPv6Address(_ text: Substring) -> Bool {
        var (address, zone) = (text, Substring("-"))
        if let percent = text.firstIndex(of: "%") {
            address = text[..<percent]
            zone = text[percent...].dropFirst()
            if zone.hasPrefix("25"), zone.count > 2 { zone = zone.dropFirst(2) }
        }
        var bytes = in6_addr()
        return (1...15).contains(zone.utf8.count)
            && inet_pton(AF_INET6, String(address), &bytes) == 1
    }

    /// The first part of a host name that libcurl refuses, as written; `nil` when there is none.
    private static func pieceNoHostHas(_ host: Substring) -> String? {
        var rest = host.unicodeScalars
        while let scalar = rest.popFirst() {
            if scalar == "%" {
                let digits = String(rest.prefix(2))
                guard digits.utf8.count == 2, let byte = UInt8(digits, radix: 16),
                    byte >= 0x80 || isOfName(Unicode.Scalar(byte))
                else { return "%" + digits }
                rest = rest.dropFirst(2)
            } else if !isOfName(scalar) {
                return String(scalar)
            }
        }
        return nil
    }

    private static func isOfName(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~": true
        default:
            !scalar.isASCII && !scalar.properties.isWhitespace
                && scalar.properties.generalCategory != .control
        }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
