import FoundationEssentials

/// Writes documents as JSON text, with keys in alphabetical order.
enum JSON {
    static func text(_ document: some Encodable, onOneLine: Bool = true) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !onOneLine { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}
