/// The fields of a response's header, one after another, over the bytes as they came.
struct HeaderFields: Sequence, IteratorProtocol {
    private let head: [UInt8]
    private var index: Int

    struct Field {
        let name: ArraySlice<UInt8>
        /// Without the white space around it; a folded one with a space where its lines met.
        var value: ArraySlice<UInt8>
    }

    /// - Parameter head: The status line and the lines after it, each with its end.
    init(_ head: [UInt8]) {
        self.head = head
        index = head.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? head.count
    }

    mutating func next() -> Field? {
        while index < head.count {
            let line = nextLine()
            // A line that is no field (libcurl lets it pass) has a name only.
            let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
            var field = Field(
                name: line[..<colon], value: Self.trimmed(line[colon...].dropFirst()))
            // > A sender MUST NOT generate a message that includes line folding.
            // <https://www.rfc-editor.org/rfc/rfc9112#section-5.2>; some do.
            guard index < head.count, Self.isSpace(head[index]) else { return field }
            var value = Array(field.value)
            while index < head.count, Self.isSpace(head[index]) {
                value.append(UInt8(ascii: " "))
                value.append(contentsOf: Self.trimmed(nextLine()))
            }
            field.value = value[...]
            return field
        }
        return nil
    }

    /// Without its end.
    private mutating func nextLine() -> ArraySlice<UInt8> {
        let rest = head[index...]
        var line = rest.prefix { $0 != UInt8(ascii: "\n") }
        index = Swift.min(head.count, line.endIndex + 1)
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return bytes
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }
}

extension Collection<UInt8> {
    /// Whether it is `text` but for the case of ASCII letters; `text` is in lower case.
    func isASCII(equal text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = UnsafeBufferPointer(start: text.utf8Start, count: count)
        return zip(self, other).allSatisfy { (byte, lower) -> Bool in
            let isUpper = (0x41...0x5A).contains(byte)
            return (isUpper ? byte | 0x20 : byte) == lower
        }
    }
}
