internal import Lists

/// Character references in the values of attributes: `&amp;`, `&#38;`, `&eacute`.
/// - SeeAlso: <https://html.spec.whatwg.org/multipage/parsing.html#character-reference-state>
enum CharacterReferences {
    /// Replaces the references in a value.
    ///
    /// - Parameter value: UTF-8.
    /// - Returns: UTF-8, not longer than `value` but for a few references, whose letters are twice
    ///   as long as they are.
    static func decode(_ value: [UInt8]) -> [UInt8] {
        guard let first = value.firstIndex(of: UInt8(ascii: "&")) else { return value }
        var text = Array(value[..<first])
        text.reserveCapacity(value.count)
        var index = first
        while index < value.count {
            if value[index] == UInt8(ascii: "&"), let reference = reference(value, at: index + 1) {
                for scalar in reference.scalars { text.append(contentsOf: UTF8.encode(scalar)!) }
                index = reference.end
            } else {
                text.append(value[index])
                index += 1
            }
        }
        return text
    }

    private struct Reference {
        let scalars: [Unicode.Scalar]
        let end: Int
    }

    private static func reference(_ value: [UInt8], at start: Int) -> Reference? {
        guard start < value.count else { return nil }
        if value[start] == UInt8(ascii: "#") { return number(value, at: start + 1) }
        var end = start
        while end < value.count, end - start <= nameBytesMax, value[end].isLetterOrDigit {
            end += 1
        }
        guard end > start, end - start <= nameBytesMax else { return nil }
        let isEnded = end < value.count && value[end] == UInt8(ascii: ";")
        let name = String(decoding: value[start..<end], as: UTF8.self)
        guard let named = named[name] else { return nil }
        if isEnded { return Reference(scalars: named.scalars, end: end + 1) }
        // > If the character reference was consumed as part of an attribute, and the last character
        // > matched is not a U+003B SEMICOLON character (;), and the next input character is either
        // > a U+003D EQUALS SIGN character (=) or an ASCII alphanumeric, then, for historical
        // > reasons, flush code points consumed as a character reference
        // So a name that goes on behind one that needs no semicolon is none: `&copy=1`, `&notit`.
        let isFollowedByEquals = end < value.count && value[end] == UInt8(ascii: "=")
        guard named.needsNoSemicolon, !isFollowedByEquals else { return nil }
        return Reference(scalars: named.scalars, end: end)
    }

    private static func number(_ value: [UInt8], at start: Int) -> Reference? {
        var index = start
        let isHex = index < value.count && value[index] | 0x20 == UInt8(ascii: "x")
        if isHex { index += 1 }
        let digits = index
        var number: UInt32 = 0
        while index < value.count, let digit = value[index].digit(isHex: isHex) {
            // What is too large stays so.
            number = min(number * (isHex ? 16 : 10) + UInt32(digit), 0x11_0000)
            index += 1
        }
        guard index > digits else { return nil }
        if index < value.count, value[index] == UInt8(ascii: ";") { index += 1 }
        if (0x80...0x9F).contains(number) {
            return Reference(scalars: [Windows1252.scalar(UInt8(number))], end: index)
        }
        let scalar = number == 0 ? nil : Unicode.Scalar(number)
        return Reference(scalars: [scalar ?? "\u{FFFD}"], end: index)
    }

    // MARK: - Names

    private static let nameBytesMax = 31

    private struct Named {
        let scalars: [Unicode.Scalar]
        let needsNoSemicolon: Bool
    }

    /// The references by name, read from the table at the first one that is met.
    private static let named: [String: Named] = {
        var named: [String: Named] = [:]
        named.reserveCapacity(2200)
        for line in PackageResources.entities_txt.split(separator: 0x0A) {
            let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
            let needsNoSemicolon = fields[0].hasSuffix("!")
            let scalars = fields[1...].map { code in
                guard let number = UInt32(code, radix: 16), let scalar = Unicode.Scalar(number)
                else { preconditionFailure("the table holds code points") }
                return scalar
            }
            named[String(needsNoSemicolon ? fields[0].dropLast() : fields[0])] = Named(
                scalars: scalars, needsNoSemicolon: needsNoSemicolon)
        }
        return named
    }()
}

extension UInt8 {
    fileprivate var isDigit: Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= self }

    fileprivate var isLetterOrDigit: Bool { isASCIILetter || isDigit }

    fileprivate func digit(isHex: Bool) -> UInt8? {
        if isDigit { return self - UInt8(ascii: "0") }
        guard isHex, UInt8(ascii: "a")...UInt8(ascii: "f") ~= self | 0x20 else { return nil }
        return (self | 0x20) - UInt8(ascii: "a") + 10
    }
}
