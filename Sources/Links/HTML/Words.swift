/// The words of an attribute's value, between white space and commas.
struct Words {
    private let words: [PackedName]

    init(_ value: [UInt8]?) {
        words = (value ?? []).split { $0.isHTMLSpace || $0 == UInt8(ascii: ",") }.prefix(
            Self.countMax
        )
        .map { word in
            var name = PackedName()
            for byte in word.prefix(17) { name.append(byte) }
            return name
        }
    }

    /// More words are no relations.
    private static let countMax = 100

    func contains(_ word: StaticString) -> Bool { words.contains(PackedName(word)) }

    func isOnly(_ word: StaticString) -> Bool { words == [PackedName(word)] }
}
