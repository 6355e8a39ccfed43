/// The field `Link` of a response (RFC 8288).
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc8288#section-3>
public enum LinkField {
    /// More targets of one response are left out.
    public static let targetsMax = 1000

    /// Looks for the targets of a relation, for example `next`.
    ///
    /// Links whose context is another page (`anchor`) are left out, and what is no link is passed
    /// over.
    ///
    /// - Parameters:
    ///   - relation: In either case.
    ///   - values: The values of the response's fields `Link`, in their order.
    ///   - url: The URL of the response, behind all redirects.
    ///   - parser: What takes URLs apart.
    /// - Returns: Absolute URLs without fragments, each once, in their order.
    public static func targets(
        of relation: String, in values: [[UInt8]], url: String,
        by parser: any URLParser
    ) -> [String] {
        guard let resolver = URLResolver(base: url, by: parser) else { return [] }
        var targets: [String] = []
        for value in values {
            var scanner = LinkFieldScanner(value)
            while let link = scanner.next() {
                guard targets.count < targetsMax else { return targets }
                guard !link.hasAnchor, link.has(relation),
                    case .url(let target) = resolver.resolve(
                        TextConverter.decodeUndeclared(Array(link.target))),
                    !targets.contains(target)
                else { continue }
                targets.append(target)
            }
        }
        return targets
    }
}

/// Takes links off the front of one field's value.
private struct LinkFieldScanner {
    struct Link {
        let target: ArraySlice<UInt8>
        var relations: [UInt8]?
        var hasAnchor = false

        func has(_ relation: String) -> Bool {
            let words = (relations ?? []).split { $0 == 0x20 || $0 == 0x09 }
            return words.contains {
                $0.elementsEqual(relation.utf8) { $0.inASCIILowerCase == $1.inASCIILowerCase }
            }
        }
    }

    private let value: [UInt8]
    private var index = 0

    init(_ value: [UInt8]) { self.value = value }

    /// Takes the next link; `nil` at the end.
    mutating func next() -> Link? {
        while let byte = peek() {
            guard byte == UInt8(ascii: "<") else {
                // No link: past the next comma, which quotes may hide.
                skipToComma()
                continue
            }
            guard let end = value[index...].firstIndex(of: UInt8(ascii: ">")) else { return nil }
            var link = Link(target: value[(index + 1)..<end])
            index = end + 1
            takeParameters(of: &link)
            return link
        }
        return nil
    }

    private mutating func takeParameters(of link: inout Link) {
        while take(UInt8(ascii: ";")) {
            let name = takeToken().map(\.inASCIILowerCase)
            var text: [UInt8] = []
            if take(UInt8(ascii: "=")) {
                text = peek() == UInt8(ascii: "\"") ? takeQuoted() : takeToken()
            }
            // > The rel parameter MUST NOT appear more than once in a given link-value;
            // > occurrences after the first MUST be ignored by parsers.
            if name.elementsEqual("rel".utf8), link.relations == nil { link.relations = text }
            if name.elementsEqual("anchor".utf8) { link.hasAnchor = true }
        }
        skipToComma()
    }

    /// Skips blanks, and tells the byte behind them; `nil` at the end.
    private mutating func peek() -> UInt8? {
        while index < value.count, value[index] == 0x20 || value[index] == 0x09 { index += 1 }
        return index < value.count ? value[index] : nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        index += 1
        return true
    }

    private mutating func takeToken() -> [UInt8] {
        _ = peek()
        let token = value[index...].prefix {
            $0 > 0x20 && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ",")
                && $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "\"")
        }
        index = token.endIndex
        return Array(token)
    }

    private mutating func takeQuoted() -> [UInt8] {
        index += 1
        var text: [UInt8] = []
        while index < value.count {
            var byte = value[index]
            index += 1
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\"), index < value.count {
                byte = value[index]
                index += 1
            }
            text.append(byte)
        }
        return text
    }

    private mutating func skipToComma() {
        while let byte = peek() {
            if byte == UInt8(ascii: "\"") {
                _ = takeQuoted()
                continue
            }
            index += 1
            if byte == UInt8(ascii: ",") { return }
        }
    }
}

extension UInt8 {
    fileprivate var inASCIILowerCase: UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= self ? self | 0x20 : self
    }
}
