/// Base64 with the standard alphabet and padding.
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc4648#section-4>
enum Base64 {
    /// Writes the bytes that `text` stands for.
    ///
    /// - Returns: Whether it stands for any: it has no other characters, its length is a multiple
    ///   of four, and the bits that the padding leaves over are zero.
    static func decode(_ text: UnsafeRawBufferPointer, into scratch: ScratchBytes) -> Bool {
        guard text.count.isMultiple(of: 4) else { return false }
        let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var bits: UInt32 = 0
        for (index, letter) in text.dropLast(padding).enumerated() {
            guard let six = sixBits(of: letter) else { return false }
            bits = bits << 6 | six
            guard index % 4 == 3 else { continue }
            for shift in [16, 8, 0] as [UInt32] {
                scratch.append(UInt8(truncatingIfNeeded: bits >> shift))
            }
            bits = 0
        }
        switch padding {
        case 1:
            scratch.append(UInt8(truncatingIfNeeded: bits >> 10))
            scratch.append(UInt8(truncatingIfNeeded: bits >> 2))
            return bits & 0x3 == 0
        case 2:
            scratch.append(UInt8(truncatingIfNeeded: bits >> 4))
            return bits & 0xF == 0
        default: return true
        }
    }

    private static func sixBits(of letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
