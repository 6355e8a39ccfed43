internal import Lists

/// A value that a pointer led to.
public struct JSONText: Hashable, Sendable {
    /// The text of a string; a number exactly as it stands, for example `12345678901234567890` or
    /// `1e3`.
    public let text: String
    /// Whether it is a number.
    public let isNumber: Bool

    public init(text: String, isNumber: Bool) {
        self.text = text
        self.isNumber = isNumber
    }
}

/// The number of values that a pointer led to.
public struct JSONTextCounts: Hashable, Sendable {
    /// Those handed out.
    public internal(set) var texts = 0
    /// Those that are neither a string nor a number.
    public internal(set) var others = 0
    /// Those left out, past the bound.
    public internal(set) var cutOff = 0

    public init() {}
}

/// The reason a body is no JSON.
public struct JSONBodyFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The index of the byte where it shows.
    public let offset: Int
    public let problem: String

    public var description: String { "is no JSON at byte \(offset): \(problem)" }
}

extension JSONPointer {
    /// Looks for the values that this pointer leads to, without keeping any of the body in memory
    /// but one value at a time.
    ///
    /// Of members with the same name, each counts. Bytes in strings that are no UTF-8 become
    /// U+FFFD; a byte order mark is passed over.
    ///
    /// - Parameters:
    ///   - textsMax: The most values to hand out.
    ///   - take: Takes the strings and numbers, in their order.
    /// - Throws: `JSONBodyFault` when the body is no JSON or is nested too deep, behind the values
    ///   that come before.
    /// - Complexity: O(*n*), *n* the bytes of the body.
    public func find(
        in body: UnsafeRawBufferPointer, textsMax: Int = 100_000, _ take: (JSONText) -> Void
    ) throws(JSONBodyFault) -> JSONTextCounts {
        let mark = body.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let text = UnsafeRawBufferPointer(rebasing: body[mark...])
        var walk = JSONWalk(segments, text, textsMax)
        do throws(JSONFault) {
            try walk.find(from: 0, take)
            try walk.scanner.expectEnd()
        } catch {
            throw JSONBodyFault(offset: mark + walk.scanner.offset, problem: error.problem)
        }
        return walk.counts
    }
}

/// The walk of a pointer through one body.
private struct JSONWalk {
    private let segments: [JSONPointer.Segment]
    private let textsMax: Int
    private(set) var counts = JSONTextCounts()
    var scanner: JSONScanner
    private let scratch = ScratchBytes()

    init(_ segments: [JSONPointer.Segment], _ body: UnsafeRawBufferPointer, _ textsMax: Int) {
        self.segments = segments
        self.textsMax = textsMax
        scanner = JSONScanner(body, ScratchBytes())
    }

    /// Takes the value that comes next, and hands out what the segments from `depth` on lead to.
    mutating func find(from depth: Int, _ take: (JSONText) -> Void) throws(JSONFault) {
        let kind = try scanner.kind()
        if depth == segments.count { return try hand(kind, depth, take) }
        switch kind {
        case .object: try findInObject(depth, take)
        case .array: try findInArray(depth, take)
        case .string, .number, .boolean, .null: _ = try scanner.takeValue(depth: depth)
        }
    }

    private mutating func findInObject(
        _ depth: Int, _ take: (JSONText) -> Void
    ) throws(JSONFault) {
        try scanner.expect(UInt8(ascii: "{"))
        if scanner.take(UInt8(ascii: "}")) { return }
        repeat {
            guard scanner.peek() == UInt8(ascii: "\"") else {
                throw scanner.fault("expected a member's name")
            }
            let isMeant = isName(try scanner.takeString(), segments[depth].name)
            try scanner.expect(UInt8(ascii: ":"))
            try go(isMeant, depth, take)
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "}")) else { throw scanner.fault("expected , or }") }
    }

    private mutating func findInArray(
        _ depth: Int, _ take: (JSONText) -> Void
    ) throws(JSONFault) {
        try scanner.expect(UInt8(ascii: "["))
        if scanner.take(UInt8(ascii: "]")) { return }
        var index = 0
        repeat {
            try go(segments[depth].isEach || segments[depth].index == index, depth, take)
            index += 1
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "]")) else { throw scanner.fault("expected , or ]") }
    }

    private mutating func go(
        _ isMeant: Bool, _ depth: Int, _ take: (JSONText) -> Void
    ) throws(JSONFault) {
        if isMeant {
            try find(from: depth + 1, take)
        } else {
            _ = try scanner.takeValue(depth: depth + 1)
        }
    }

    private mutating func hand(
        _ kind: JSONScanner.Kind, _ depth: Int, _ take: (JSONText) -> Void
    ) throws(JSONFault) {
        let text: String
        switch kind {
        case .string: text = string(try scanner.takeString())
        case .number: text = String(decoding: try scanner.takeNumber(), as: UTF8.self)
        case .object, .array, .boolean, .null:
            _ = try scanner.takeValue(depth: depth)
            counts.others += 1
            return
        }
        guard counts.texts < textsMax else {
            counts.cutOff += 1
            return
        }
        counts.texts += 1
        take(JSONText(text: text, isNumber: kind == .number))
    }

    private func isName(_ text: JSONScanner.Text, _ name: [UInt8]) -> Bool {
        if !text.hasEscapes { return text.bytes.elementsEqual(name) }
        // Escapes take up to six times as many bytes as what they stand for.
        guard text.bytes.count <= 6 * name.count else { return false }
        scratch.reset()
        JSONEscape.decode(text.bytes, into: scratch)
        return scratch.bytes().elementsEqual(name)
    }

    private func string(_ text: JSONScanner.Text) -> String {
        guard text.hasEscapes else { return String(decoding: text.bytes, as: UTF8.self) }
        scratch.reset()
        JSONEscape.decode(text.bytes, into: scratch)
        return String(decoding: scratch.bytes(), as: UTF8.self)
    }
}
