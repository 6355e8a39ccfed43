/// Escapes in JSON strings.
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc8259#section-7>
package enum JSONEscape {
    /// The byte that stands behind a backslash in place of another; `nil` where it stands for none.
    static func byte(for letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }

    /// The number that hexadecimal digits make; `nil` where one is none.
    static func unit(of digits: UnsafeRawBufferPointer) -> UInt32? {
        var unit: UInt32 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt32(digit & 0xF)
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
                unit = unit << 4 | UInt32(digit & 0xF) + 9
            default: return nil
            }
        }
        return unit
    }

    /// Writes the text of a string that was checked, without its escapes. It takes no more bytes
    /// than it has with them.
    package static func decode(_ bytes: UnsafeRawBufferPointer, into scratch: ScratchBytes) {
        var index = 0
        while let escape = bytes.offset(of: UInt8(ascii: "\\"), from: index) {
            scratch.append(UnsafeRawBufferPointer(rebasing: bytes[index..<escape]))
            let letter = bytes[escape + 1]
            index = escape + 2
            if let byte = byte(for: letter) {
                scratch.append(byte)
                continue
            }
            var code = checkedUnit(bytes, at: index)
            index += 4
            if code & 0xFC00 == 0xD800 {
                code = 0x10000 + (code & 0x3FF) << 10 + checkedUnit(bytes, at: index + 2) & 0x3FF
                index += 6
            }
            guard let scalar = Unicode.Scalar(code) else {
                preconditionFailure("a string was checked for halves of pairs")
            }
            scratch.append(utf8: scalar)
        }
        scratch.append(UnsafeRawBufferPointer(rebasing: bytes[index...]))
    }

    private static func checkedUnit(_ bytes: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
        guard let unit = unit(of: UnsafeRawBufferPointer(rebasing: bytes[index..<index + 4])) else {
            preconditionFailure("a string was checked for its digits")
        }
        return unit
    }
}
