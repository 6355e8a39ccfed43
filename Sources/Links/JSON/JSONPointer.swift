/// A path to values in JSON (RFC 6901), in which `*` stands for each item of an array.
///
///     /next            the member next
///     /items/3         the fourth item of the array items
///     /items/*/id      the member id of each of them
///     /a~1b/~0         the member ~ of the member a/b
///
/// In an object, `*` is a member of that name.
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc6901>
public struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    /// The most segments of a pointer.
    public static let segmentsMax = 64

    /// The pointer as it was written.
    public let description: String
    let segments: [Segment]

    /// A step from a value to one within it.
    struct Segment: Hashable {
        /// The name of a member.
        let name: [UInt8]
        /// The index in an array; `nil` where the name is none.
        let index: Int?
        /// Whether each item of an array is meant.
        let isEach: Bool

        init(name: [UInt8]) {
            self.name = name
            isEach = name == [UInt8(ascii: "*")]
            let isNumber =
                !name.isEmpty && name.count <= 18
                && name.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
                && (name.count == 1 || name[0] != UInt8(ascii: "0"))
            index = isNumber ? Int(String(decoding: name, as: UTF8.self)) : nil
        }
    }

    /// - Throws: `JSONPointerFault` when the text is no pointer.
    public init(_ text: String) throws(JSONPointerFault) {
        let bytes = Array(text.utf8)
        if let first = bytes.first, first != UInt8(ascii: "/") {
            throw JSONPointerFault(pointer: text, problem: "it must begin with /, or be empty")
        }
        description = text
        let names = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard names.count - 1 <= Self.segmentsMax else {
            throw JSONPointerFault(
                pointer: text, problem: "it has more than \(Self.segmentsMax) segments")
        }
        var segments: [Segment] = []
        for name in names.dropFirst() {
            guard let decoded = Self.decode(name) else {
                throw JSONPointerFault(pointer: text, problem: "~ must be written ~0, and / as ~1")
            }
            segments.append(Segment(name: decoded))
        }
        self.segments = segments
    }

    private static func decode(_ name: ArraySlice<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        var rest = name
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "~") else {
                decoded.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "0"): decoded.append(UInt8(ascii: "~"))
            case UInt8(ascii: "1"): decoded.append(UInt8(ascii: "/"))
            default: return nil
            }
        }
        return decoded
    }
}

/// The reason a text is no pointer.
public struct JSONPointerFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text.
    public let pointer: String
    public let problem: String

    public var description: String { "'\(pointer)' is no JSON Pointer: \(problem)" }
}
