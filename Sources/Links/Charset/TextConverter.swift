internal import Glibc
internal import Lists

/// Turns text of a character set into UTF-8 and back. Text that is broken never fails: what is no
/// character becomes U+FFFD.
final class TextConverter {
    let charset: Charset
    private let toUTF8: iconv_t?
    private var fromUTF8: iconv_t??

    /// - Returns: `nil` when the system does not have the character set.
    init?(_ charset: Charset) {
        self.charset = charset
        guard charset != .utf8, charset != .windows1252 else {
            toUTF8 = nil
            return
        }
        guard let converter = Self.open(from: charset.systemName, to: "UTF-8") else { return nil }
        toUTF8 = converter
    }

    deinit {
        if let toUTF8 { iconv_close(toUTF8) }
        if case .some(.some(let converter)) = fromUTF8 { iconv_close(converter) }
    }

    private static func open(from: String, to: String) -> iconv_t? {
        let converter = iconv_open(to, from)
        // (iconv_t)-1, as the manual has it.
        return converter == iconv_t(bitPattern: -1) ? nil : converter
    }

    /// Returns bytes of this character set as UTF-8.
    func decode(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.allSatisfy({ $0 > 0 && $0 < 0x80 }) { return bytes }
        guard let toUTF8 else {
            return charset == .utf8 ? Self.repair(bytes) : Self.decodeWindows1252(bytes)
        }
        return Self.repair(
            Self.convert(bytes, toUTF8) { _ in (Array("\u{FFFD}".utf8), 1) })
    }

    /// Returns bytes whose character set nobody tells as UTF-8: they are UTF-8 if they can be, and
    /// windows-1252 if not.
    static func decodeUndeclared(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.allSatisfy({ $0 > 0 && $0 < 0x80 }) { return bytes }
        let isUTF8 = bytes.withUnsafeBytes { TextCheck.isUTF8($0) }
        return isUTF8 ? repair(bytes) : decodeWindows1252(bytes)
    }

    /// Returns UTF-8 as bytes of this character set. A character that it does not have becomes
    /// `&#128512;`, as in forms.
    func encode(_ bytes: [UInt8]) -> [UInt8] {
        if charset == .utf8 || bytes.allSatisfy({ $0 < 0x80 }) { return bytes }
        if fromUTF8 == nil { fromUTF8 = Self.open(from: "UTF-8", to: charset.systemName) }
        guard case .some(.some(let converter)) = fromUTF8 else { return bytes }
        return Self.convert(bytes, converter) { rest in
            guard let scalar = String(decoding: rest.prefix(4), as: UTF8.self).unicodeScalars.first
            else { return ([], rest.count) }
            let byteCount = min(UTF8.width(scalar), rest.count)
            return (Array("&#\(scalar.value);".utf8), byteCount)
        }
    }

    /// As a browser's decoder: each sequence that is none becomes U+FFFD, and so does NUL, which a
    /// parser of HTML takes for one.
    private static func repair(_ bytes: [UInt8]) -> [UInt8] {
        let text = Array(String(decoding: bytes, as: UTF8.self).utf8)
        guard text.contains(0) else { return text }
        return text.flatMap { $0 == 0 ? Array("\u{FFFD}".utf8) : [$0] }
    }

    private static func decodeWindows1252(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes {
            let scalar = byte == 0 ? "\u{FFFD}" : Windows1252.scalar(byte)
            text.append(contentsOf: String(scalar).utf8)
        }
        return text
    }

    /// Converts bytes, from the first state of the character set on.
    ///
    /// - Parameter replace: Says what stands for the first character of the rest, which cannot be
    ///   converted, and how many bytes that is, 1 or more.
    private static func convert(
        _ bytes: [UInt8], _ converter: iconv_t,
        replace: (UnsafeRawBufferPointer) -> (text: [UInt8], byteCount: Int)
    ) -> [UInt8] {
        // Whatever was left of text before.
        iconv(converter, nil, nil, nil, nil)
        var result: [UInt8] = []
        // iconv only reads what it is given, whatever the type says.
        var source = bytes
        source.withUnsafeMutableBytes { source in
            var next = source.baseAddress?.assumingMemoryBound(to: CChar.self)
            var left = source.count
            while left > 0 {
                let status = step(converter, &next, &left, &result)
                if status == EILSEQ || status == EINVAL {
                    // A character set with states may be anywhere, and may hold a letter back that
                    // an accent could follow.
                    finish(converter, &result)
                    let rest = UnsafeRawBufferPointer(rebasing: source[(source.count - left)...])
                    let (text, byteCount) = replace(rest)
                    result.append(contentsOf: text)
                    next? += byteCount
                    left -= byteCount
                } else if status != 0, status != E2BIG {
                    left = 0
                }
            }
        }
        finish(converter, &result)
        return result
    }

    /// Has iconv give what it holds back.
    private static func finish(_ converter: iconv_t, _ result: inout [UInt8]) {
        var next: UnsafeMutablePointer<CChar>?
        var left = 0
        _ = step(converter, &next, &left, &result)
    }

    /// Converts as much as fits.
    ///
    /// - Returns: 0, or the value of `errno`.
    private static func step(
        _ converter: iconv_t, _ next: inout UnsafeMutablePointer<CChar>?, _ left: inout Int,
        _ result: inout [UInt8]
    ) -> Int32 {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { room in
            var out = room.baseAddress
            var free = room.count
            let isFlush = next == nil
            let status =
                isFlush
                ? iconv(converter, nil, nil, &out, &free)
                : iconv(converter, &next, &left, &out, &free)
            let code = status == -1 ? errno : 0
            result.append(contentsOf: UnsafeRawBufferPointer(room)[..<(room.count - free)])
            return code
        }
    }
}
