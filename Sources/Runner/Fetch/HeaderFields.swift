internal import Glibc

/// The fields of a response's header, one after another, read from the bytes as they came.
public struct HeaderFields: Sequence, IteratorProtocol {
    private var lines: HeaderLines

    /// A field, valid as long as the head's bytes.
    public struct Field {
        public let name: UnsafeRawBufferPointer
        /// The value without the white space around it.
        public let value: UnsafeRawBufferPointer
        /// The lines that continue the value; nearly always none.
        fileprivate(set) var folded = HeaderLines(UnsafeRawBufferPointer(start: nil, count: 0))

        /// Gives the value in pieces; a folded value gets a space where its lines met.
        public func forEachPiece(_ use: (UnsafeRawBufferPointer) -> Void) {
            use(value)
            for line in folded {
                withUnsafeBytes(of: UInt8(ascii: " ")) { use($0) }
                use(line.trimmed)
            }
        }
    }

    /// - Parameter head: The status line and the lines after it, each with its line end.
    public init(_ head: UnsafeRawBufferPointer) {
        lines = HeaderLines(head)
        _ = lines.next()
    }

    public mutating func next() -> Field? {
        guard let line = lines.next() else { return nil }
        // A line that is no field (libcurl lets it pass) has a name only.
        let colon = line.offset(of: UInt8(ascii: ":")) ?? line.count
        var field = Field(
            name: UnsafeRawBufferPointer(rebasing: line[..<colon]),
            value: UnsafeRawBufferPointer(rebasing: line[Swift.min(colon + 1, line.count)...])
                .trimmed)
        // > A sender MUST NOT generate a message that includes line folding.
        // <https://www.rfc-editor.org/rfc/rfc9112#section-5.2>; some do.
        if lines.isAtBlank { field.folded = lines.takeFolded() }
        return field
    }
}

/// The lines of a head, one after another, without their line ends of one or two bytes.
struct HeaderLines: Sequence, IteratorProtocol {
    private(set) var rest: UnsafeRawBufferPointer

    init(_ head: UnsafeRawBufferPointer) { rest = head }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard !rest.isEmpty else { return nil }
        let end = rest.offset(of: UInt8(ascii: "\n")) ?? rest.count
        var line = UnsafeRawBufferPointer(rebasing: rest[..<end])
        rest = UnsafeRawBufferPointer(rebasing: rest[Swift.min(end + 1, rest.count)...])
        if line.last == UInt8(ascii: "\r") {
            line = UnsafeRawBufferPointer(rebasing: line[..<(line.count - 1)])
        }
        return line
    }

    /// Whether the next line continues the one before.
    var isAtBlank: Bool { rest.first.map(UnsafeRawBufferPointer.isBlank) ?? false }

    /// Takes the lines that begin with a blank.
    fileprivate mutating func takeFolded() -> HeaderLines {
        let begin = rest
        while isAtBlank { _ = next() }
        return HeaderLines(UnsafeRawBufferPointer(rebasing: begin[..<(begin.count - rest.count)]))
    }
}

extension UnsafeRawBufferPointer {
    /// The offset at which `byte` comes first; `nil` when it does not come.
    func offset(of byte: UInt8) -> Int? {
        guard let start = baseAddress, let found = memchr(start, Int32(byte), count) else {
            return nil
        }
        return UnsafeRawPointer(found) - start
    }

    /// The bytes without the white space around them.
    var trimmed: UnsafeRawBufferPointer {
        var bounds = 0..<count
        while let first = bounds.first, Self.isBlank(self[first]) {
            bounds = (first + 1)..<bounds.upperBound
        }
        while let last = bounds.last, Self.isBlank(self[last]) { bounds = bounds.lowerBound..<last }
        return UnsafeRawBufferPointer(rebasing: self[bounds])
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }
}

extension Collection<UInt8> {
    /// Whether the bytes equal `text` but for the case of ASCII letters; `text` is in lower case.
    func isASCII(equal text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = UnsafeBufferPointer(start: text.utf8Start, count: count)
        return zip(self, other).allSatisfy { (byte, lower) -> Bool in
            let isUpper = (0x41...0x5A).contains(byte)
            return (isUpper ? byte | 0x20 : byte) == lower
        }
    }
}

extension ArraySlice<UInt8> {
    /// The bytes without the white space around them.
    var trimmed: ArraySlice<UInt8> {
        var bytes = drop(while: UnsafeRawBufferPointer.isBlank)
        while let last = bytes.last, UnsafeRawBufferPointer.isBlank(last) { bytes.removeLast() }
        return bytes
    }
}
