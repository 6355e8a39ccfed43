/// A text in which placeholders stand for values of a job: `/items/{id}`.
public struct TextTemplate: Equatable, Sendable {
    /// A place in a text that a job's value is written to.
    public struct Placeholder: Equatable, Sendable {
        /// The name between the braces; empty for `{}`.
        public let name: String
        /// The least number of digits of a number, which gets zeros in front: 8 for `{id:08}`, 0
        /// where nothing is said.
        public let digitsMin: Int

        public init(name: String, digitsMin: Int = 0) {
            self.name = name
            self.digitsMin = digitsMin
        }

        /// Appends a number, with as many digits as the placeholder asks for.
        public func append(_ id: Int, to text: inout [UInt8]) {
            let digits = String(id).utf8
            let zeros = max(0, digitsMin - digits.count)
            text += repeatElement(UInt8(ascii: "0"), count: zeros)
            text += digits
        }

        /// The name of the placeholder for a job's ID.
        public static let idName = "id"
        /// The most digits that a placeholder asks for: those of the largest ID.
        public static let digitsMax = 19
    }

    /// The bytes before, between and after the placeholders; one piece more than there are
    /// placeholders.
    public let texts: [[UInt8]]
    public let placeholders: [Placeholder]

    /// - Precondition: There is one piece more than there are placeholders.
    public init(texts: [[UInt8]], placeholders: [Placeholder]) {
        precondition(texts.count == placeholders.count + 1, "placeholders stand between texts")
        self.texts = texts
        self.placeholders = placeholders
    }

    /// Reads a text in which only known placeholders count; any other brace stands for itself. For
    /// headers and bodies, since JSON is full of braces.
    ///
    /// - Parameter names: The names of the values that a job has.
    public init(_ text: some Collection<UInt8>, names: Set<String>) {
        self.init(Array(text)) { name in names.contains(name) }
    }

    /// Reads a text in which each pair of braces with a name between, or nothing, is a placeholder.
    public init(strictly text: some Collection<UInt8>) { self.init(Array(text)) { _ in true } }

    private init(_ bytes: [UInt8], isKnown: (String) -> Bool) {
        var (texts, placeholders): ([[UInt8]], [Placeholder]) = ([], [])
        var (start, index) = (0, 0)
        while let brace = bytes[index...].firstIndex(of: UInt8(ascii: "{")) {
            index = brace + 1
            guard
                let end = bytes[index...].prefix(Self.nameBytesMax + 1).firstIndex(
                    of: UInt8(ascii: "}")),
                let found = Self.placeholder(bytes[index..<end]), isKnown(found.name)
            else { continue }
            texts.append(Array(bytes[start..<brace]))
            placeholders.append(found)
            (start, index) = (end + 1, end + 1)
        }
        self.texts = texts + [Array(bytes[start...])]
        self.placeholders = placeholders
    }

    /// The most bytes between the braces of a placeholder.
    private static let nameBytesMax = 256

    private static func placeholder(_ text: ArraySlice<UInt8>) -> Placeholder? {
        guard !text.contains(UInt8(ascii: "{")),
            let name = String(validating: text, as: UTF8.self)
        else { return nil }
        guard let colon = name.lastIndex(of: ":") else { return Placeholder(name: name) }
        let digits = name[name.index(after: colon)...]
        guard digits.hasPrefix("0"), let count = Int(digits.dropFirst()),
            (1...Placeholder.digitsMax).contains(count)
        else { return Placeholder(name: name) }
        return Placeholder(name: String(name[..<colon]), digitsMin: count)
    }

    /// Returns the template with its pieces between placeholders changed.
    public func mapTexts<Failure>(
        _ change: ([UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) -> TextTemplate {
        TextTemplate(texts: try texts.map(change), placeholders: placeholders)
    }

    /// Returns the template without some bytes at the front of its first piece.
    public func dropping(first count: Int) -> TextTemplate {
        TextTemplate(
            texts: [Array(texts[0].dropFirst(count))] + texts.dropFirst(),
            placeholders: placeholders)
    }

    /// Returns the templates before and behind the first of the given bytes outside placeholders;
    /// the second is `nil` when there is no such byte.
    public func split(at byte: UInt8) -> (TextTemplate, TextTemplate?) {
        for (index, text) in texts.enumerated() {
            guard let place = text.firstIndex(of: byte) else { continue }
            return (
                TextTemplate(
                    texts: texts[..<index] + [Array(text[..<place])],
                    placeholders: Array(placeholders[..<index])),
                TextTemplate(
                    texts: [Array(text[(place + 1)...])] + texts[(index + 1)...],
                    placeholders: Array(placeholders[index...]))
            )
        }
        return (self, nil)
    }

    /// The text for the job with an ID, where each placeholder stands for the ID.
    public func text(for id: Int) -> [UInt8] {
        text { placeholder, text in placeholder.append(id, to: &text) }
    }

    /// The text in which placeholders are replaced.
    ///
    /// - Parameter append: Appends the value that a placeholder stands for.
    public func text(_ append: (Placeholder, inout [UInt8]) -> Void) -> [UInt8] {
        var text = texts[0]
        for (placeholder, next) in zip(placeholders, texts.dropFirst()) {
            append(placeholder, &text)
            text += next
        }
        return text
    }
}
