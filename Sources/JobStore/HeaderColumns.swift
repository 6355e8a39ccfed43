/// A header field of a batch's requests as a store keeps it: its name, its value, and words that say
/// how to read the value. A file of fields has no name, and its path for a value.
package struct HeaderColumns {
    package let name: String
    /// `nil` where the field is not sent.
    package let value: String?
    /// The words, a space between two.
    package let words: String

    private static let environmentWord = "env"
    private static let credentialsWord = "basic"
    private static let fileWord = "file"

    package init(name: String, value: String?, words: String) {
        self.name = name
        self.value = value
        self.words = words
    }

    package init(_ header: HeaderSource) {
        switch header {
        case .file(let path): self.init(name: "", value: path, words: Self.fileWord)
        case .field(let field):
            let words = field.readsEnvironment ? [Self.environmentWord] : []
            let (value, more): (String?, [String]) =
                switch field.value {
                case .text(let text): (text, [])
                case .credentials(let text): (text, [Self.credentialsWord])
                case .none: (nil, [])
                }
            self.init(
                name: field.name, value: value, words: (words + more).joined(separator: " "))
        }
    }

    /// The header field; `nil` where a word is unknown.
    package var header: HeaderSource? {
        let words = Set(self.words.split(separator: " ").map(String.init))
        guard words.isSubset(of: [Self.environmentWord, Self.credentialsWord, Self.fileWord]) else {
            return nil
        }
        if words.contains(Self.fileWord) { return .file(path: value ?? "") }
        let value: HeaderTemplate.Value =
            value.map { words.contains(Self.credentialsWord) ? .credentials($0) : .text($0) }
            ?? .none
        return .field(
            HeaderTemplate(name, value, readsEnvironment: words.contains(Self.environmentWord)))
    }
}
