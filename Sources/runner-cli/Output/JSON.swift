import FoundationEssentials

/// Writes documents as JSON text, with keys in alphabetical order, and reads them.
enum JSON {
    static func text(_ document: some Encodable, onOneLine: Bool = true) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !onOneLine { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }

    /// Reads what `PlainEncoder` wrote.
    ///
    /// - Throws: An error when the text is no such value.
    static func value<Value: Decodable>(in text: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: Data(text.utf8))
    }

    /// - Throws: An error when the text is no such document.
    static func document<Document: Decodable>(in text: String) throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(text.utf8))
    }
}
