/// A text with a job's ID in it, in UTF-8: the same pieces for every job, the ID between them.
struct IDText: Sendable, Equatable {
    private let bytes: [UInt8]
    /// The offsets in `bytes` where the ID belongs, in order.
    private let places: [Int]

    /// - Parameter parts: The pieces before, between and after the ID; one or more.
    init(_ parts: [[UInt8]]) {
        bytes = Array(parts.joined())
        var end = 0
        places = parts.dropLast().map { part in
            end += part.count
            return end
        }
    }

    /// The bytes that the longest text needs, its closing NUL included.
    var capacity: Int { bytes.count + places.count * Self.digitsMax + 1 }
    /// The number of digits of `UInt64.max`.
    private static let digitsMax = 20

    /// Writes the text of one ID, closed by a NUL.
    ///
    /// - Precondition: `buffer` holds `capacity` bytes; `id` is 0 or more.
    func write(_ id: Int, to buffer: UnsafeMutableBufferPointer<CChar>) {
        precondition(buffer.count >= capacity && id >= 0)
        bytes.withUnsafeBytes { bytes in
            var rest = UnsafeMutableRawBufferPointer(buffer)
            func append(_ piece: Range<Int>) {
                rest.copyMemory(from: .init(rebasing: bytes[piece]))
                rest = .init(rebasing: rest[piece.count...])
            }
            var start = 0
            for place in places {
                append(start..<place)
                rest = .init(rebasing: rest[Self.write(id, to: rest)...])
                start = place
            }
            append(start..<bytes.count)
            rest[0] = 0
        }
    }

    /// Appends the text of one ID.
    func append(_ id: Int, to text: inout [UInt8]) {
        var start = 0
        for place in places {
            text.append(contentsOf: bytes[start..<place])
            text.append(decimal: id)
            start = place
        }
        text.append(contentsOf: bytes[start...])
    }

    /// - Returns: The number of digits.
    private static func write(_ id: Int, to buffer: UnsafeMutableRawBufferPointer) -> Int {
        var count = 1
        var rest = id / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        rest = id
        for index in stride(from: count - 1, through: 0, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            buffer[index] = UInt8(ascii: "0") + UInt8(digit)
            rest = quotient
        }
        return count
    }
}
