/// The reason a line of JSON is no row.
package struct JSONFault: Error {
    let reason: ListRejection.Reason
    package let description: String
    /// The description without the place, for a text that is no JSON.
    package let problem: String

    init(_ reason: ListRejection.Reason, _ description: String, problem: String? = nil) {
        self.reason = reason
        self.description = description
        self.problem = problem ?? description
    }
}

/// Takes JSON values off the front of one line, or of a larger text.
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc8259>
package struct JSONScanner {
    /// The most objects and arrays within each other, that of the line included.
    package static let depthMax = 512

    /// The text of a string between its quotes, as it stands.
    package struct Text {
        package let bytes: UnsafeRawBufferPointer
        package let hasEscapes: Bool
    }

    /// The types of values, by the words of the standard.
    package enum Kind: String {
        case object, array, string, number, boolean, null
    }

    let bytes: UnsafeRawBufferPointer
    package private(set) var offset = 0
    /// The byte that closes each object and array around a value that is skipped.
    private let closers: ScratchBytes

    /// - Parameters:
    ///   - bytes: UTF-8.
    ///   - scratch: Memory for the scanner alone.
    package init(_ bytes: UnsafeRawBufferPointer, _ scratch: ScratchBytes) {
        self.bytes = bytes
        closers = scratch
    }

    /// Skips white space, and tells the byte behind it; `nil` at the end.
    package mutating func peek() -> UInt8? {
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte > 0x20 { return byte }
            guard byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A else { return byte }
            offset += 1
        }
        return nil
    }

    /// Takes a byte if it comes next, behind white space.
    package mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    package mutating func expect(_ byte: UInt8) throws(JSONFault) {
        guard take(byte) else {
            throw fault("expected \(Character(Unicode.Scalar(byte)))")
        }
    }

    package mutating func expectEnd() throws(JSONFault) {
        if peek() != nil { throw fault("expected nothing more") }
    }

    /// The fault of a text that is no JSON at the byte that comes next.
    package func fault(_ problem: String) -> JSONFault {
        JSONFault(
            .invalidJSON, "is no JSON at column \(offset + 1): \(problem)", problem: problem)
    }

    /// The type of the value that comes next.
    package mutating func kind() throws(JSONFault) -> Kind {
        // No byte is at the end, and 0 begins no value either.
        switch peek() ?? 0 {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        default: throw fault("expected a value")
        }
    }

    /// Takes a value of any type.
    ///
    /// - Parameter depth: The number of objects and arrays around it.
    /// - Returns: Its bytes, as they stand.
    package mutating func takeValue(depth: Int) throws(JSONFault) -> UnsafeRawBufferPointer {
        _ = peek()
        let begin = offset
        closers.reset()
        repeat {
            switch try kind() {
            case .object: try open(closer: UInt8(ascii: "}"), depth: depth)
            case .array: try open(closer: UInt8(ascii: "]"), depth: depth)
            case .string:
                _ = try takeString()
                try close()
            case .number:
                _ = try takeNumber()
                try close()
            case .boolean, .null:
                try takeWord()
                try close()
            }
        } while closers.count > 0
        return UnsafeRawBufferPointer(rebasing: bytes[begin..<offset])
    }

    /// Enters an object or array, to its first value, or to what comes behind it if it has none.
    private mutating func open(closer: UInt8, depth: Int) throws(JSONFault) {
        guard depth + closers.count < Self.depthMax else {
            throw fault("nested more than \(Self.depthMax) deep")
        }
        offset += 1
        closers.append(closer)
        if take(closer) {
            closers.removeLast()
            return try close()
        }
        if closer == UInt8(ascii: "}") { try takeName() }
    }

    /// Goes on behind a value: to the next one, or out of objects and arrays that end here.
    private mutating func close() throws(JSONFault) {
        while let closer = closers.last {
            if take(UInt8(ascii: ",")) {
                if closer == UInt8(ascii: "}") { try takeName() }
                return
            }
            guard take(closer) else {
                throw fault("expected , or \(Character(Unicode.Scalar(closer)))")
            }
            closers.removeLast()
        }
    }

    private mutating func takeName() throws(JSONFault) {
        guard peek() == UInt8(ascii: "\"") else { throw fault("expected a member's name") }
        _ = try takeString()
        try expect(UInt8(ascii: ":"))
    }

    private mutating func takeWord() throws(JSONFault) {
        for word in ["true", "false", "null"] as [StaticString] {
            let end = offset + word.utf8CodeUnitCount
            guard end <= bytes.count, bytes[offset] == word.utf8Start[0] else { continue }
            guard
                (1..<word.utf8CodeUnitCount).allSatisfy({ bytes[offset + $0] == word.utf8Start[$0] }
                )
            else { break }
            offset = end
            return
        }
        throw fault("expected a value")
    }

    /// Takes a number.
    ///
    /// - Returns: Its bytes, as they stand.
    package mutating func takeNumber() throws(JSONFault) -> UnsafeRawBufferPointer {
        let begin = offset
        if byte == UInt8(ascii: "-") { offset += 1 }
        if byte == UInt8(ascii: "0") {
            offset += 1
        } else {
            try takeDigits()
        }
        if byte == UInt8(ascii: ".") {
            offset += 1
            try takeDigits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            offset += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { offset += 1 }
            try takeDigits()
        }
        return UnsafeRawBufferPointer(rebasing: bytes[begin..<offset])
    }

    private mutating func takeDigits() throws(JSONFault) {
        let begin = offset
        while let byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
        if offset == begin { throw fault("expected a digit") }
    }

    /// The next byte, white space or not.
    private var byte: UInt8? { offset < bytes.count ? bytes[offset] : nil }
}

extension JSONScanner {
    /// Takes a string, which must come next.
    package mutating func takeString() throws(JSONFault) -> Text {
        offset += 1
        let begin = offset
        var hasEscapes = false
        while true {
            offset = TextCheck.endOfPlainText(in: bytes, from: offset)
            guard let byte else { break }
            switch byte {
            case UInt8(ascii: "\""):
                let text = UnsafeRawBufferPointer(rebasing: bytes[begin..<offset])
                offset += 1
                return Text(bytes: text, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try takeEscape()
            default: throw fault("a control character in a string")
            }
        }
        throw fault("expected \"")
    }

    private mutating func takeEscape() throws(JSONFault) {
        let begin = offset
        offset += 1
        switch byte {
        case UInt8(ascii: "u"): break
        case .some(let byte) where JSONEscape.byte(for: byte) != nil:
            offset += 1
            return
        default: throw fault("an unknown escape")
        }
        let unit = try takeUnit()
        guard unit & 0xF800 == 0xD800 else { return }
        if unit < 0xDC00, bytes[offset...].starts(with: "\\u".utf8) {
            offset += 1
            if try takeUnit() & 0xFC00 == 0xDC00 { return }
        }
        throw JSONFault(
            .notUnicode, "has half of a surrogate pair at column \(begin + 1)",
            problem: "half of a surrogate pair")
    }

    /// Takes `u` and four hexadecimal digits.
    private mutating func takeUnit() throws(JSONFault) -> UInt32 {
        offset += 1
        guard offset + 4 <= bytes.count,
            let unit = JSONEscape.unit(
                of: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + 4]))
        else { throw fault("expected four hexadecimal digits") }
        offset += 4
        return unit
    }
}
