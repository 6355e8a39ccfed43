/// Follows the head of a response, line by line as libcurl hands it on, and limits its size. Pure.
///
/// A head is a status line, fields and an empty line. Heads with a status of 1xx may come before
/// the final one. Fields after the body (trailers) are recognized and counted, too.
struct ResponseHead {
    enum Line: Equatable { case status, field, end, trailer }

    enum Refusal: Error, Equatable {
        /// The first line after a status line begins with a blank, but there is no field that it
        /// could continue.
        ///
        /// > A recipient that receives whitespace between the start-line and the first header field
        /// > MUST either reject the message as invalid or consume each whitespace-preceded line
        /// > without further processing of it. <https://www.rfc-editor.org/rfc/rfc9112#section-2.2>
        ///
        /// libcurl 7.83 to 8.0 joins such a line to a field of the response before, whose memory is
        /// freed (curl's commit cd1c611b24): a server could corrupt this process.
        case foldedFirst
        /// The lines have more than `bytesMax` bytes in all.
        case tooLarge
        /// The status has more than three digits. libcurl 8.13 and later take the first three
        /// (curl's commit 5b6d3291b5): `2000` would be a 200.
        case longStatus
    }

    /// The most bytes of all lines together, those of 1xx responses and trailers included.
    let bytesMax: Int
    private(set) var bytes = 0
    /// The status of the last status line; 0 before the first one.
    private(set) var status = 0
    private var place = Place.beforeStatus
    private var isAmidLine = false

    /// The last thing that has come.
    private enum Place {
        /// Nothing, or the end of an interim head: a status line is to come.
        case beforeStatus
        /// A status line.
        case afterStatus
        /// A field.
        case amidFields
        /// The empty line of the final head.
        case whole
    }

    /// Whether the empty line of the final head has come.
    var isWhole: Bool { place == .whole }
    /// Whether a head has begun with its status line and has not ended.
    var isOpen: Bool { place == .afterStatus || place == .amidFields }

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Checks a line, or a piece of one. To be called before libcurl keeps it.
    ///
    /// - Parameter piece: A piece of one line; the last piece ends with the line feed.
    /// - Throws: The reason why libcurl must not keep the line.
    mutating func check(_ piece: UnsafeRawBufferPointer) throws(Refusal) {
        guard let first = piece.first, let last = piece.last else { return }
        bytes += piece.count
        guard bytes <= bytesMax else { throw .tooLarge }
        if place == .afterStatus, !isAmidLine,
            first == UInt8(ascii: " ") || first == UInt8(ascii: "\t")
        {
            throw .foldedFirst
        }
        isAmidLine = last != UInt8(ascii: "\n")
    }

    /// Takes a whole line, which `check` has passed.
    mutating func take(_ line: UnsafeRawBufferPointer) throws(Refusal) -> Line {
        switch place {
        case .whole: return .trailer
        case .beforeStatus:
            status = try Self.status(in: line)
            place = .afterStatus
            return .status
        case .afterStatus, .amidFields: place = .amidFields
        }
        guard line.first == UInt8(ascii: "\r") || line.first == UInt8(ascii: "\n") else {
            return .field
        }
        // > A client MUST be able to parse one or more 1xx responses received prior to a final
        // > response. (RFC 9110, 15.2) libcurl takes a 101 nobody asked for as final.
        let isInterim = (100..<200).contains(status) && status != 101
        place = isInterim ? .beforeStatus : .whole
        return .end
    }

    /// The three digits after the first space.
    private static func status(in line: UnsafeRawBufferPointer) throws(Refusal) -> Int {
        guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { return 0 }
        let digits = line[(space + 1)...].prefix(4)
        if digits.count == 4, digits.allSatisfy(isDigit) { throw .longStatus }
        return digits.prefix(3).reduce(0) { value, byte in
            isDigit(byte) ? value * 10 + Int(byte - 0x30) : value
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
