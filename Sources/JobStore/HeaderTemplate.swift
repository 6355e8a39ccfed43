/// One header field of a batch's requests, as it was given.
public struct HeaderTemplate: Equatable, Sendable {
    /// The value of a field.
    public enum Value: Equatable, Sendable {
        /// A text with placeholders.
        case text(String)
        /// `user:password`, with placeholders, which is sent as Basic credentials (RFC 7617).
        case credentials(String)
        /// The field is not sent, though it would be otherwise.
        case none
    }

    public let name: String
    public let value: Value
    /// Whether `$NAME` and `${NAME}` in the value stand for variables of the environment, which are
    /// read when a run starts and never stored.
    public let readsEnvironment: Bool

    public init(_ name: String, _ value: Value, readsEnvironment: Bool = false) {
        self.name = name
        self.value = value
        self.readsEnvironment = readsEnvironment
    }

    /// Reads a field as curl takes it: `Name: value`; `Name;` for an empty value; `Name:` to leave
    /// out a field that would be sent otherwise.
    ///
    /// - Throws: `RequestTemplate.Malformed`, which says what to write instead.
    public init(
        parsing line: String, readsEnvironment: Bool = false
    ) throws(RequestTemplate.Malformed) {
        let bytes = Array(line.utf8)
        let end = bytes.firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ";") }
        guard let end, end > 0 else {
            throw .init("'\(Self.shown(line))' is not a header; write it as 'Name: value'")
        }
        let name = String(decoding: bytes[..<end], as: UTF8.self)
        guard bytes[..<end].allSatisfy(\.isTokenByte) else {
            throw .init("'\(name)' is not the name of a header; write the header as 'Name: value'")
        }
        let value = Self.trimmed(bytes[(end + 1)...])
        let isCleared = bytes[end] == UInt8(ascii: ";")
        guard !isCleared || value.isEmpty else {
            throw .init("'\(name)' is followed by ; and a value; write the header as 'Name: value'")
        }
        // > a sender MUST NOT generate […] CR, LF or NUL <https://www.rfc-editor.org/rfc/rfc9110#section-5.5>
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw .init(
                "the header '\(name)' holds a line break or another control character; take it out")
        }
        self.init(
            name,
            value.isEmpty && !isCleared ? .none : .text(String(decoding: value, as: UTF8.self)),
            readsEnvironment: readsEnvironment)
    }

    /// Whether the field is one that identifies who asks: such values are not written down.
    public var isSecret: Bool { Self.isSecret(name) }

    /// Whether fields of a name identify who asks.
    public static func isSecret(_ name: String) -> Bool {
        ["Authorization", "Cookie", "Proxy-Authorization"].contains { isSame($0, name) }
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let rest = bytes.drop(while: isBlank)
        return rest.lastIndex { !isBlank($0) }.map { rest[...$0] } ?? []
    }

    /// The text without its value, which may be a secret, for messages.
    private static func shown(_ line: String) -> String {
        line.count > 12 ? line.prefix(12) + "…" : line
    }

    /// Whether two names are of one field: letters in either case are the same.
    public static func isSame(_ one: String, _ other: String) -> Bool {
        one.utf8.count == other.utf8.count
            && zip(one.utf8, other.utf8).allSatisfy { $0.lowercased == $1.lowercased }
    }
}

/// A place that header fields come from.
public enum HeaderSource: Equatable, Sendable {
    case field(HeaderTemplate)
    /// A file with a field a line, which is read when a run starts and never stored.
    case file(path: String)

    /// Whether the value is outside the queue.
    public var isReference: Bool {
        switch self {
        case .field(let field): field.readsEnvironment
        case .file: true
        }
    }
}

extension HTTPMethod {
    /// Reads a method as a user writes it. Letters keep their case, which counts (RFC 9110, 9.1).
    ///
    /// - Throws: `RequestTemplate.Malformed`, which says what to write instead.
    public init(parsing text: String) throws(RequestTemplate.Malformed) {
        guard !text.isEmpty, text.utf8.count <= 32, text.utf8.allSatisfy(\.isTokenByte) else {
            throw .init("'\(text)' is not a method; give one such as GET, POST or DELETE")
        }
        guard text.utf8.map(\.lowercased) != Array("connect".utf8) else {
            throw .init("CONNECT is not a request that has a response; give another method")
        }
        self.init(rawValue: text)
    }
}

extension UInt8 {
    /// Whether the byte may stand in a token (RFC 9110, 5.6.2).
    var isTokenByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }

    fileprivate var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}
