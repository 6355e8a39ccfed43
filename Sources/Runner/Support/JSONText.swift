/// The bytes that a JSON string holds without an escape.
///
/// > All Unicode characters may be placed within the quotation marks, except for the characters
/// > that MUST be escaped: quotation mark, reverse solidus, and the control characters.
/// <https://www.rfc-editor.org/rfc/rfc8259#section-7>
enum JSONText {
    static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// Whether all eight bytes of a word are plain.
    static func arePlain(_ word: UInt64) -> Bool { escapes(in: word) == 0 }

    /// The bytes of a word that are not plain, by their high bits; above the first of them, others
    /// may be set, too.
    ///
    /// - SeeAlso: <https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord>
    private static func escapes(in word: UInt64) -> UInt64 {
        let (ones, high) = (0x0101_0101_0101_0101 as UInt64, 0x8080_8080_8080_8080 as UInt64)
        func bytes(below limit: UInt64, _ word: UInt64) -> UInt64 {
            (word &- ones &* limit) & ~word & high
        }
        return bytes(below: 0x20, word) | bytes(below: 1, word ^ ones &* 0x22)
            | bytes(below: 1, word ^ ones &* 0x5C)
    }

    /// Writes the characters of a JSON string.
    ///
    /// - Parameter room: Six bytes for each of `bytes`, and eight more.
    /// - Returns: The number of bytes written.
    static func write(
        _ bytes: UnsafeRawBufferPointer, to room: UnsafeMutableRawBufferPointer
    ) -> Int {
        var (index, count) = (0, 0)
        while index < bytes.count {
            if index + 8 <= bytes.count {
                // The first byte is the lowest.
                let word = UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                room.storeBytes(of: word.littleEndian, toByteOffset: count, as: UInt64.self)
                let found = escapes(in: word)
                let plain = found == 0 ? 8 : found.trailingZeroBitCount / 8
                index += plain
                count += plain
                if found == 0 { continue }
            }
            let byte = bytes[index]
            index += 1
            if isPlain(byte) {
                room[count] = byte
                count += 1
            } else {
                count = writeEscape(of: byte, to: room, at: count)
            }
        }
        return count
    }

    /// Writes the escape of a byte that needs one.
    ///
    /// - Returns: The place behind it.
    static func writeEscape(
        of byte: UInt8, to room: UnsafeMutableRawBufferPointer, at place: Int
    ) -> Int {
        room[place] = UInt8(ascii: "\\")
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): room[place + 1] = byte
        case UInt8(ascii: "\n"): room[place + 1] = UInt8(ascii: "n")
        case UInt8(ascii: "\r"): room[place + 1] = UInt8(ascii: "r")
        case UInt8(ascii: "\t"): room[place + 1] = UInt8(ascii: "t")
        default:
            let digits = [UInt8].hexDigits
            (room[place + 1], room[place + 2]) = (UInt8(ascii: "u"), UInt8(ascii: "0"))
            room[place + 3] = UInt8(ascii: "0")
            (room[place + 4], room[place + 5]) = (digits[Int(byte >> 4)], digits[Int(byte & 15)])
            return place + 6
        }
        return place + 2
    }
}
