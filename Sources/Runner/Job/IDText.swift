internal import JobStore

/// A text with a job's ID in it, in UTF-8: the same pieces for every job, the ID between them. It
/// is a `TextTemplate` made ready to be written often.
struct IDText: Sendable, Equatable {
    private let bytes: [UInt8]
    private let places: [Place]

    /// A place where the ID belongs.
    private struct Place: Equatable {
        /// The offset in `bytes`.
        let offset: Int
        /// The least number of digits.
        let digitsMin: Int
    }

    init(_ template: TextTemplate) {
        bytes = Array(template.texts.joined())
        var end = 0
        places = zip(template.texts, template.placeholders).map { text, placeholder in
            end += text.count
            return Place(offset: end, digitsMin: placeholder.digitsMin)
        }
    }

    /// Whether the text is the same for every job.
    var isFixed: Bool { places.isEmpty }

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
                append(start..<place.offset)
                let digits = Self.write(id, digitsMin: place.digitsMin, to: rest)
                rest = .init(rebasing: rest[digits...])
                start = place.offset
            }
            append(start..<bytes.count)
            rest[0] = 0
        }
    }

    /// Appends the text of one ID.
    func append(_ id: Int, to text: inout [UInt8]) {
        var start = 0
        for place in places {
            text.append(contentsOf: bytes[start..<place.offset])
            if place.digitsMin > 0 {
                text.append(decimal: id, digits: place.digitsMin)
            } else {
                text.append(decimal: id)
            }
            start = place.offset
        }
        text.append(contentsOf: bytes[start...])
    }

    /// - Returns: The number of digits.
    private static func write(
        _ id: Int, digitsMin: Int, to buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        var count = 1
        var rest = id / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        count = max(count, digitsMin)
        rest = id
        for index in stride(from: count - 1, through: 0, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            buffer[index] = UInt8(ascii: "0") + UInt8(digit)
            rest = quotient
        }
        return count
    }
}
