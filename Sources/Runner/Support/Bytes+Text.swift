internal import Glibc

extension Collection<UInt8> {
    /// The same as `withUnsafeBytes`, which does not know typed errors.
    ///
    /// - Precondition: The bytes are in one piece.
    func withRawBytes<Failure>(
        _ use: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) where Self: RandomAccessCollection {
        var failure: Failure?
        let isDone: Void? = withContiguousStorageIfAvailable { bytes in
            do throws(Failure) { try use(UnsafeRawBufferPointer(bytes)) } catch { failure = error }
        }
        precondition(isDone != nil, "bytes in one piece are expected")
        if let failure { throw failure }
    }
}

/// Text appended to bytes, without a `String` in between.
extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The same as `append(contentsOf:)`, which does not copy raw bytes as one piece.
    mutating func append(raw bytes: UnsafeRawBufferPointer) {
        bytes.withMemoryRebound(to: UInt8.self) { append(contentsOf: $0) }
    }

    mutating func append(decimal number: Int) {
        append(contentsOf: String(number).utf8)  // short: no allocation
    }

    /// Appends a number with at least `digits` digits, with zeros in front.
    mutating func append(decimal number: Int, digits: Int) {
        let text = String(number)
        append(
            contentsOf: repeatElement(
                UInt8(ascii: "0"), count: Swift.max(0, digits - text.utf8.count)))
        append(contentsOf: text.utf8)
    }

    mutating func append(hex bytes: some Sequence<UInt8>) {
        for byte in bytes {
            append(Self.hexDigits[Int(byte >> 4)])
            append(Self.hexDigits[Int(byte & 15)])
        }
    }

    static let hexDigits = Array("0123456789abcdef".utf8)

    // MARK: - JSON

    /// Appends the characters of a JSON string for UTF-8 bytes, without the quotes.
    mutating func append(json bytes: UnsafeRawBufferPointer) {
        // An escape takes six bytes at most; a word is written whole, and then over.
        let pieceMax = 1024
        withUnsafeTemporaryAllocation(
            byteCount: 6 * Swift.min(pieceMax, bytes.count) + 8, alignment: 8
        ) { room in
            var start = 0
            while start < bytes.count {
                let piece = bytes[start..<Swift.min(start + pieceMax, bytes.count)]
                let count = JSONText.write(UnsafeRawBufferPointer(rebasing: piece), to: room)
                append(raw: UnsafeRawBufferPointer(rebasing: room[..<count]))
                start = piece.endIndex
            }
        }
    }

    mutating func append(json bytes: some Collection<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable {
            append(json: UnsafeRawBufferPointer($0))
        }
        if done == nil { Array(bytes).withUnsafeBytes { append(json: $0) } }
    }

    /// Appends the characters of a JSON string for bytes that stand for a character each
    /// (ISO-8859-1), without the quotes.
    mutating func append(jsonLatin1 bytes: UnsafeRawBufferPointer) {
        append(
            bytes, asIs: { $0 < 0x80 && JSONText.isPlain($0) },
            { $0 & 0x8080_8080_8080_8080 == 0 && JSONText.arePlain($0) },
            other: { text, byte in
                guard byte >= 0x80 else { return text.appendEscape(byte) }
                text.append(0xC0 | byte >> 6)
                text.append(0x80 | byte & 0x3F)
            })
    }

    /// Appends runs of plain bytes as they are, and other bytes by `other`.
    @inline(__always)
    private mutating func append(
        _ bytes: UnsafeRawBufferPointer, asIs isPlain: (UInt8) -> Bool,
        _ arePlain: (UInt64) -> Bool, other: (inout Self, UInt8) -> Void
    ) {
        var (start, index) = (0, 0)
        while index < bytes.count {
            // Eight at a time, since nearly all stand for themselves.
            if index + 8 <= bytes.count,
                arePlain(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            {
                index += 8
                continue
            }
            if !isPlain(bytes[index]) {
                append(raw: UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
                other(&self, bytes[index])
                start = index + 1
            }
            index += 1
        }
        append(raw: UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }

    private mutating func appendEscape(_ byte: UInt8) {
        withUnsafeTemporaryAllocation(byteCount: 6, alignment: 1) { room in
            let count = JSONText.writeEscape(of: byte, to: room, at: 0)
            append(raw: UnsafeRawBufferPointer(rebasing: room[..<count]))
        }
    }

    // MARK: - Base 64, as of RFC 4648

    /// - Precondition: All pieces of a body but the last have a length that 3 divides.
    mutating func append(base64 bytes: UnsafeRawBufferPointer) {
        let digits = Self.base64Digits
        reserveCapacity(count + (bytes.count + 2) / 3 * 4)
        digits.withUnsafeBufferPointer { digits in
            var index = 0
            while index + 3 <= bytes.count {
                let word =
                    Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
                append(digits[word >> 18])
                append(digits[word >> 12 & 63])
                append(digits[word >> 6 & 63])
                append(digits[word & 63])
                index += 3
            }
            guard index < bytes.count else { return }
            let hasTwo = index + 1 < bytes.count
            let word = Int(bytes[index]) << 16 | (hasTwo ? Int(bytes[index + 1]) << 8 : 0)
            append(digits[word >> 18])
            append(digits[word >> 12 & 63])
            append(hasTwo ? digits[word >> 6 & 63] : UInt8(ascii: "="))
            append(UInt8(ascii: "="))
        }
    }

    private static let base64Digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    // MARK: - Times

    /// Appends a Unix time in µs in the form of RFC 3339, in UTC with milliseconds.
    mutating func append(timeMicros unix: Int) {
        let (seconds, micros) = (unix / 1_000_000, unix % 1_000_000)
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        append(decimal: Int(parts.tm_year) + 1900, digits: 4)
        for (separator, number) in [
            ("-" as StaticString, parts.tm_mon + 1), ("-", parts.tm_mday), ("T", parts.tm_hour),
            (":", parts.tm_min), (":", parts.tm_sec),
        ] {
            append(separator)
            append(decimal: Int(number), digits: 2)
        }
        append(".")
        append(decimal: micros / 1000, digits: 3)
        append("Z")
    }
}

/// Checks whether bytes that come in pieces are UTF-8 (RFC 3629: the shortest form, no surrogates).
struct UTF8Check {
    /// The number of continuation bytes that must follow.
    private var missing = 0
    /// The bounds of the next continuation byte.
    private var (least, most): (UInt8, UInt8) = (0x80, 0xBF)
    private var isBroken = false

    /// Whether all bytes so far make whole characters.
    var isValid: Bool { !isBroken && missing == 0 }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var index = 0
        while index < bytes.count && !isBroken {
            if missing == 0 {
                // Eight at a time while nothing but ASCII comes.
                while index + 8 <= bytes.count,
                    bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                        & 0x8080_8080_8080_8080 == 0
                {
                    index += 8
                }
                guard index < bytes.count else { return }
                begin(bytes[index])
            } else {
                isBroken = !(least...most).contains(bytes[index])
                missing -= 1
                (least, most) = (0x80, 0xBF)
            }
            index += 1
        }
    }

    /// Begins a character with its first byte.
    ///
    /// > Table 3-7. Well-Formed UTF-8 Byte Sequences
    /// <https://www.unicode.org/versions/Unicode15.0.0/ch03.pdf>
    private mutating func begin(_ byte: UInt8) {
        switch byte {
        case 0x00...0x7F: break
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, least) = (2, 0xA0)
        case 0xE1...0xEC, 0xEE, 0xEF: missing = 2
        case 0xED: (missing, most) = (2, 0x9F)
        case 0xF0: (missing, least) = (3, 0x90)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, most) = (3, 0x8F)
        default: isBroken = true
        }
    }
}
