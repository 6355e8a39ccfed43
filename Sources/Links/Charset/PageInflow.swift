/// Gives the bytes of a page as bytes in which ASCII stands for itself: those of UTF-16 as UTF-8,
/// those of ISO-2022-JP as EUC-JP, all others as they are.
///
/// It may be cut anywhere: what is left of a character waits for the next bytes.
struct PageInflow {
    private enum Form {
        case plain
        case utf16(UTF16Reader)
        case jis(JISReader)
    }

    private var form = Form.plain

    /// The character set of what this gives.
    private(set) var charset: Charset?

    /// - Parameter charset: The character set of what comes; `nil` when it is not known.
    init(_ charset: Charset?) {
        switch charset {
        case .some(.utf16LE), .some(.utf16BE):
            form = .utf16(UTF16Reader(isBigEndian: charset == .utf16BE))
            self.charset = .utf8
        case .some(.iso2022JP):
            form = .jis(JISReader())
            self.charset = .eucJP
        default: self.charset = charset
        }
    }

    /// Whether bytes are given as they come.
    var isPlain: Bool { if case .plain = form { true } else { false } }

    /// Adds to `text` what some bytes are.
    mutating func convert(_ bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) {
        switch form {
        case .plain: text.append(contentsOf: bytes)
        case .utf16(var reader):
            for byte in bytes { reader.take(byte, &text) }
            form = .utf16(reader)
        case .jis(var reader):
            for byte in bytes { reader.take(byte, &text) }
            form = .jis(reader)
        }
    }
}

/// Turns UTF-16 into UTF-8.
private struct UTF16Reader {
    let isBigEndian: Bool
    private var firstByte: UInt8?
    private var highSurrogate: UInt32?

    init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

    mutating func take(_ byte: UInt8, _ text: inout [UInt8]) {
        guard let first = firstByte else {
            firstByte = byte
            return
        }
        firstByte = nil
        let (high, low) = isBigEndian ? (first, byte) : (byte, first)
        let unit = UInt32(high) << 8 | UInt32(low)
        if let highSurrogate {
            self.highSurrogate = nil
            if unit & 0xFC00 == 0xDC00 {
                append(0x10000 + (highSurrogate & 0x3FF) << 10 + unit & 0x3FF, &text)
                return
            }
            append(0xFFFD, &text)
        }
        if unit & 0xFC00 == 0xD800 { highSurrogate = unit } else { append(unit, &text) }
    }

    private func append(_ code: UInt32, _ text: inout [UInt8]) {
        text.append(contentsOf: String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
    }
}

/// Turns ISO-2022-JP into EUC-JP, which has the same characters without states.
private struct JISReader {
    private enum Set { case ascii, katakana, kanji }
    private var set = Set.ascii
    /// The bytes of an escape sequence that is not whole.
    private var escape: [UInt8] = []

    mutating func take(_ byte: UInt8, _ text: inout [UInt8]) {
        if !escape.isEmpty || byte == 0x1B {
            if byte == 0x1B { escape.removeAll() }
            escape.append(byte)
            takeEscape(&text)
            return
        }
        put(byte, &text)
    }

    private mutating func takeEscape(_ text: inout [UInt8]) {
        switch (escape.count, escape[1...].first, escape.last) {
        case (1, _, _), (2, UInt8(ascii: "("), _), (2, UInt8(ascii: "$"), _): return
        case (3, UInt8(ascii: "("), UInt8(ascii: "B")), (3, UInt8(ascii: "("), UInt8(ascii: "J")):
            set = .ascii
        case (3, UInt8(ascii: "("), UInt8(ascii: "I")): set = .katakana
        case (3, UInt8(ascii: "$"), UInt8(ascii: "@")), (3, UInt8(ascii: "$"), UInt8(ascii: "B")):
            set = .kanji
        default:
            // No escape sequence: its bytes stand for themselves.
            let bytes = escape.dropFirst()
            escape.removeAll()
            for byte in bytes { put(byte, &text) }
            return
        }
        escape.removeAll()
    }

    private func put(_ byte: UInt8, _ text: inout [UInt8]) {
        let isGraphic = (0x21...0x7E).contains(byte)
        if set == .katakana, isGraphic { text.append(0x8E) }
        text.append(set != .ascii && isGraphic ? byte | 0x80 : byte)
    }
}
