internal import Glibc

/// Looks at bytes that are to be text, eight at a time where they are ASCII.
package enum TextCheck {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Whether all bytes are printable ASCII or spaces.
    static func isPrintableASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        allWords(of: bytes, areGood: isPrintable) { (0x20..<0x7F).contains($0) }
    }

    /// Whether all bytes are UTF-8 without overlong forms, surrogates, or anything past U+10FFFF.
    /// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc3629#section-4>
    package static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if allWords(of: bytes, areGood: { $0 & highBits == 0 }, orBytes: { $0 < 0x80 }) {
            return true
        }
        var index = 0
        while index < bytes.count {
            let count = characterLength(in: bytes, at: index)
            if count == 0 { return false }
            index += count
        }
        return true
    }

    /// The index, from `start` on, of the first byte that may not stand for itself in a JSON
    /// string: a quote, a backslash, or one below 0x20. Without any, the number of bytes.
    static func endOfPlainText(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress else { return start }
        var index = start
        while index + 8 <= bytes.count {
            // The first byte is the lowest.
            let word = UInt64(
                littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            // A byte's high bit is set where it is below 0x20, or equal to the other one; above the
            // first such byte a carry may set others, which are not looked at.
            let below = (word &- ones &* 0x20) & ~word
            let quotes = word ^ ones &* 0x22
            let slashes = word ^ ones &* 0x5C
            let found =
                (below | (quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes) & highBits
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < bytes.count, bytes[index] >= 0x20, bytes[index] != 0x22, bytes[index] != 0x5C
        { index += 1 }
        return index
    }

    /// The first byte below 0x20, or 0x7F, if there is one.
    static func firstControlByte(in bytes: UnsafeRawBufferPointer) -> UInt8? {
        bytes.first { $0 < 0x20 || $0 == 0x7F }
    }

    /// - Returns: Whether all eight bytes of a word are from 0x20 to 0x7E.
    private static func isPrintable(_ word: UInt64) -> Bool {
        // Of bytes below 0x80, no sum carries into the next byte: the first one has its high bit
        // from 0x20 on, the second from 0x7F on.
        let ascii = word & ~highBits
        let fromSpace = ascii &+ ones &* 0x60
        let fromDelete = ascii &+ ones
        return fromSpace & ~fromDelete & ~word & highBits == highBits
    }

    @inline(__always)
    private static func allWords(
        of bytes: UnsafeRawBufferPointer, areGood: (UInt64) -> Bool, orBytes: (UInt8) -> Bool
    ) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        guard bytes.count >= 8 else { return bytes.allSatisfy(orBytes) }
        let last = bytes.count - 8
        var offset = 0
        while offset < last {
            if !areGood(base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) {
                return false
            }
            offset += 8
        }
        // Overlaps the word before: looking twice at a byte costs less than at each alone.
        return areGood(base.loadUnaligned(fromByteOffset: last, as: UInt64.self))
    }

    /// - Returns: The number of bytes of the character at `index`; 0 where there is none.
    private static func characterLength(in bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
        func isNext(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index + offset < bytes.count && range.contains(bytes[index + offset])
        }
        switch bytes[index] {
        case 0..<0x80: return 1
        case 0xC2...0xDF: return isNext(1) ? 2 : 0
        case 0xE0: return isNext(1, 0xA0...0xBF) && isNext(2) ? 3 : 0
        case 0xED: return isNext(1, 0x80...0x9F) && isNext(2) ? 3 : 0
        case 0xE1...0xEF: return isNext(1) && isNext(2) ? 3 : 0
        case 0xF0: return isNext(1, 0x90...0xBF) && isNext(2) && isNext(3) ? 4 : 0
        case 0xF1...0xF3: return isNext(1) && isNext(2) && isNext(3) ? 4 : 0
        case 0xF4: return isNext(1, 0x80...0x8F) && isNext(2) && isNext(3) ? 4 : 0
        default: return 0
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these are the bytes of a text.
    package func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount, let baseAddress else {
            return isEmpty && text.utf8CodeUnitCount == 0
        }
        return memcmp(baseAddress, text.utf8Start, count) == 0
    }
}

/// Texts for messages: of bytes that may be anything.
package enum ShownText {
    /// - Returns: `bytes` as text with control characters and broken UTF-8 replaced, and cut after
    ///   60 bytes.
    package static func of(_ bytes: some Collection<UInt8>) -> String {
        let shown = bytes.prefix(60).map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }
        return String(decoding: shown, as: UTF8.self) + (bytes.count > 60 ? "…" : "")
    }
}
