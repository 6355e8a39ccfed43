/// Words of commands that people copy into a shell.
enum ShellWord {
    /// Returns a text as one word of a POSIX shell: as it is where no character is special, in
    /// single quotes otherwise.
    static func quoted(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                || "._-/+:@%,=".unicodeScalars.contains(scalar)
        }
        guard text.isEmpty || !isPlain else { return text }
        return "'" + text.replacing("'", with: #"'\''"#) + "'"
    }
}
