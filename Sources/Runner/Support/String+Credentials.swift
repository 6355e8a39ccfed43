extension String {
    /// The text with `***` in place of each user name and password that stands before the host of a
    /// URL, with or without a scheme.
    ///
    /// | text                               | result                     |
    /// |------------------------------------|----------------------------|
    /// | `no host: https://user:secret@h/`  | `no host: https://***@h/`  |
    /// | `cannot resolve user:sec/ret@h`    | `cannot resolve ***@h`     |
    var withoutCredentials: String {
        guard utf8.contains(UInt8(ascii: "@")) else { return self }
        var text = ""
        var rest = self[...]
        while let at = rest.firstIndex(of: "@") {
            // A word ends where a password could not go on; its last @ is the host's.
            let end = rest[at...].firstIndex { Self.wordEnds.contains($0) } ?? rest.endIndex
            let word = rest[..<end]
            let last = word.lastIndex(of: "@") ?? at
            let start =
                word[..<at].lastIndex { Self.wordEnds.contains($0) }.map(word.index(after:))
                ?? word.startIndex
            let scheme = word[start..<last].firstRange(of: "://")?.upperBound ?? start
            text += word[..<scheme] + "***" + word[last...]
            rest = rest[end...]
        }
        return text + rest
    }

    private static let wordEnds: Set<Character> = [" ", "'", "\"", "(", ")", "<", ">"]
}
