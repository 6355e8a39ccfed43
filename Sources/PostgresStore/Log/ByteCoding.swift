/// Writes numbers and texts as bytes: a number takes seven bits a byte, the lowest first, as LEB128
/// does.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(byte: UInt8) { bytes.append(byte) }

    /// - Precondition: `number` is 0 or more.
    mutating func add(_ number: Int) {
        precondition(number >= 0, "numbers in the log are not negative")
        var rest = UInt(number)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func add(_ text: String) {
        add(text.utf8.count)
        bytes += text.utf8
    }
}

/// Reads what a `ByteWriter` has written, of which nothing is believed.
struct ByteReader {
    private let bytes: [UInt8]
    private var next = 0

    /// The bytes do not say what they should.
    struct Malformed: Error {}

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { next == bytes.count }

    mutating func byte() throws(Malformed) -> UInt8 {
        guard next < bytes.count else { throw Malformed() }
        next += 1
        return bytes[next - 1]
    }

    /// Reads a number of 0 or more.
    mutating func number() throws(Malformed) -> Int {
        var number: UInt = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            let byte = try byte()
            number |= UInt(byte & 0x7F) << UInt(shift)
            if byte < 0x80 { return Int(number) }
        }
        throw Malformed()
    }

    /// Reads a number that is `max` or less.
    mutating func number(max: Int) throws(Malformed) -> Int {
        let number = try number()
        guard number <= max else { throw Malformed() }
        return number
    }

    mutating func text() throws(Malformed) -> String {
        let count = try number()
        guard count <= bytes.count - next else { throw Malformed() }
        defer { next += count }
        return String(decoding: bytes[next..<next + count], as: UTF8.self)
    }
}
