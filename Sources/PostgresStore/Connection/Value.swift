/// A value of a statement's parameter. The statement casts it (`$1::bigint`) where PostgreSQL
/// cannot tell its type.
enum Value {
    case null
    case int(Int)
    case real(Double)
    case bool(Bool)
    case text(String)
    case bytes([UInt8])
    case ints([Int])
    case texts([String?])
    case reals([Double?])
    case blobs([[UInt8]?])

    init(_ text: String?) { self = text.map(Value.text) ?? .null }
    init(_ number: Int?) { self = number.map(Value.int) ?? .null }

    /// Whether the value travels as bytes, not as text.
    var isBinary: Bool { if case .bytes = self { true } else { false } }

    /// The value as it travels; `nil` for NULL.
    var encoded: [UInt8]? {
        switch self {
        case .null: nil
        case .int(let number): Array("\(number)".utf8)
        case .real(let number): Array("\(number)".utf8)
        case .bool(let isTrue): Array((isTrue ? "t" : "f").utf8)
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        case .ints(let numbers): Self.array(numbers.map { "\($0)" })
        case .texts(let texts): Self.array(texts.map { $0.map(Self.quoted) })
        case .reals(let numbers): Self.array(numbers.map { $0.map { "\($0)" } })
        case .blobs(let blobs): Self.array(blobs.map { $0.map { "\"\\\\x\(Hex.text(of: $0))\"" } })
        }
    }

    /// An array as PostgreSQL reads it: `{1,NULL,"a b"}`.
    ///
    /// - SeeAlso: <https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO>
    private static func array(_ elements: [String?]) -> [UInt8] {
        Array(("{" + elements.map { $0 ?? "NULL" }.joined(separator: ",") + "}").utf8)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}

/// Bytes in the notation of PostgreSQL: two digits each, after `\x`.
enum Hex {
    static func text(of bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            unsafeUninitializedCapacity: bytes.count * 2,
            initializingUTF8With: { text in
                for (index, byte) in bytes.enumerated() {
                    text[2 * index] = digits[Int(byte >> 4)]
                    text[2 * index + 1] = digits[Int(byte & 15)]
                }
                return bytes.count * 2
            })
    }

    /// - Returns: The bytes of a text that begins with `\x`; `nil` when it is no such text.
    static func bytes(of text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count >= 2, text.count.isMultiple(of: 2), text[0] == UInt8(ascii: "\\"),
            text[1] == UInt8(ascii: "x")
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = digit(text[index]), let low = digit(text[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
