/// Names with addresses that the user gives, which are not looked up.
public struct PinnedNames: Sendable, Equatable {
    /// The reason why a text pins no name. The description is the end of a sentence that begins
    /// with the text.
    public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// The addresses in the form of `NameAnswer.addresses`, by `name:port`.
    private var addresses: [String: String] = [:]

    public init() {}

    /// Adds `name:port:address[,address]`; an IPv6 address may have brackets. Of two texts for one
    /// name and port the later one counts.
    public mutating func add(_ text: String) throws(Fault) {
        if let first = text.first, "+-*".contains(first) {
            throw Fault(description: "begins with \(first), which has no meaning here")
        }
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty else {
            throw Fault(description: "is no name, port and address")
        }
        guard parts[0].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "[") }),
            IPAddress(parts[0]) == nil
        else { throw Fault(description: "begins with no name") }
        guard let port = UInt16(parts[1]), port > 0 else {
            throw Fault(description: "has a port that is no number from 1 to 65535")
        }
        let texts = parts[2].split(separator: ",", omittingEmptySubsequences: false)
        guard texts.count <= NameAnswer.addressesMax else {
            throw Fault(description: "has more than \(NameAnswer.addressesMax) addresses")
        }
        let found = texts.compactMap { Self.address($0) }
        guard found.count == texts.count else {
            throw Fault(description: "has an address that is none")
        }
        addresses["\(parts[0].lowercased()):\(port)"] = found.joined(separator: ",")
    }

    private static func address(_ text: Substring) -> String? {
        guard let address = IPAddress(text) else { return nil }
        return address.isIPv6 && !text.hasPrefix("[") ? "[\(text)]" : String(text)
    }

    /// The answer for a name at a port; `nil` when it is to be looked up.
    ///
    /// - Parameters:
    ///   - name: The name in lower case.
    ///   - family: The family that addresses are wanted of. A name with none is unknown.
    func answer(for name: String, port: String, _ family: AddressFamily) -> NameAnswer? {
        if addresses.isEmpty { return nil }
        guard let known = addresses["\(name):\(port)"] else { return nil }
        return family.only(known).map { .addresses($0) } ?? .noSuchName
    }
}
