/// Reads the headers of a request in each form that they may have, and writes them in one: a line
/// `Name: value` for each.
final class JSONHeaders {
    /// The most headers of a request.
    static let countMax = 1000

    /// Text without its escapes, of one line.
    private let scratch: ScratchBytes
    private let bytesMax: Int
    private let pairs = ScratchBytes()
    private var count = 0

    /// - Parameter bytesMax: The most bytes of all headers, roughly.
    init(_ scratch: ScratchBytes, bytesMax: Int) {
        self.scratch = scratch
        self.bytesMax = bytesMax
    }

    /// Takes an object of strings or arrays of strings, or an array of pairs of strings.
    ///
    /// - Returns: The lines, in their order; valid until the next call.
    func take(_ scanner: inout JSONScanner) throws(JSONFault) -> UnsafeRawBufferPointer {
        pairs.reset()
        count = 0
        let kind = try scanner.kind()
        switch kind {
        case .object: try takeObject(&scanner)
        case .array: try takePairs(&scanner)
        case .string, .number, .boolean, .null:
            _ = try scanner.takeValue(depth: 1)
            throw JSONFault(
                .wrongType, "has headers of type \(kind), and they must be object or array")
        }
        return pairs.bytes()
    }

    private func takeObject(_ scanner: inout JSONScanner) throws(JSONFault) {
        try scanner.expect(UInt8(ascii: "{"))
        if scanner.take(UInt8(ascii: "}")) { return }
        var names: [UnsafeRawBufferPointer] = []
        repeat {
            let name = try scanner.takeName(scratch)
            guard !names.contains(where: { $0.elementsEqual(name) }) else {
                throw JSONFault(
                    .duplicateMember, "has the header \(ShownText.of(name)) twice in one object")
            }
            guard names.count < Self.countMax else { throw tooMany }
            names.append(name)
            if try scanner.kind() == .array {
                try takeValues(of: name, &scanner)
            } else {
                try append(name, scanner.takeText(of: "a header", scratch, or: .array))
            }
        } while scanner.take(UInt8(ascii: ","))
        try scanner.expect(UInt8(ascii: "}"))
    }

    private func takeValues(
        of name: UnsafeRawBufferPointer, _ scanner: inout JSONScanner
    ) throws(JSONFault) {
        try scanner.expect(UInt8(ascii: "["))
        if scanner.take(UInt8(ascii: "]")) { return }
        repeat {
            try append(name, scanner.takeText(of: "a header", scratch))
        } while scanner.take(UInt8(ascii: ","))
        try scanner.expect(UInt8(ascii: "]"))
    }

    private func takePairs(_ scanner: inout JSONScanner) throws(JSONFault) {
        try scanner.expect(UInt8(ascii: "["))
        if scanner.take(UInt8(ascii: "]")) { return }
        repeat {
            let kind = try scanner.kind()
            guard kind == .array else {
                _ = try scanner.takeValue(depth: 2)
                throw JSONFault(
                    .wrongType, "has a header of type \(kind) in an array, where pairs must be")
            }
            try takePair(&scanner)
        } while scanner.take(UInt8(ascii: ","))
        try scanner.expect(UInt8(ascii: "]"))
    }

    private func takePair(_ scanner: inout JSONScanner) throws(JSONFault) {
        let noPair = JSONFault(.wrongType, "has a header that is no pair of a name and a value")
        try scanner.expect(UInt8(ascii: "["))
        if scanner.take(UInt8(ascii: "]")) { throw noPair }
        let name = try scanner.takeText(of: "a header's name", scratch)
        if scanner.take(UInt8(ascii: "]")) { throw noPair }
        try scanner.expect(UInt8(ascii: ","))
        let value = try scanner.takeText(of: "a header", scratch)
        if scanner.take(UInt8(ascii: ",")) { throw noPair }
        try scanner.expect(UInt8(ascii: "]"))
        try append(name, value)
    }

    private func append(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) throws(JSONFault) {
        count += 1
        guard count <= Self.countMax else { throw tooMany }
        guard !name.isEmpty, name.allSatisfy({ Self.isOfName($0) }) else {
            throw JSONFault(
                .wrongType, "has a header with the name \(ShownText.of(name)), which none has")
        }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw JSONFault(
                .controlByte,
                "has a line break or another control character in the header \(ShownText.of(name))")
        }
        pairs.append(name)
        // As curl writes an empty value; with a colon, the field would be left out.
        pairs.append(UInt8(ascii: value.isEmpty ? ";" : ":"))
        if !value.isEmpty { pairs.append(UInt8(ascii: " ")) }
        pairs.append(value)
        pairs.append(UInt8(ascii: "\n"))
        // A name counts for each of its values.
        guard pairs.count <= bytesMax else {
            throw JSONFault(.tooLong, "has headers of more than \(bytesMax) bytes")
        }
    }

    /// Whether a byte may stand in the name of a header (RFC 9110, 5.6.2).
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private var tooMany: JSONFault {
        JSONFault(.tooLong, "has more than \(Self.countMax) headers")
    }
}
