/// Parts of a URL with a scheme and `//`.
extension [UInt8] {
    /// The index behind `//`.
    var authorityStart: Int { authorityStart(from: 0) }

    /// The index behind `//` of a URL that begins at `start`.
    func authorityStart(from start: Int) -> Int {
        Swift.min((self[start...].firstIndex(of: UInt8(ascii: ":")) ?? start) + 3, count)
    }

    /// The index behind user, host and port.
    func authorityEnd(from start: Int) -> Int {
        self[start...].firstIndex { "/?#".utf8.contains($0) } ?? count
    }

    /// Returns the URL without user name and password.
    func withoutUser() -> [UInt8] {
        let start = authorityStart
        guard let at = self[start..<authorityEnd(from: start)].lastIndex(of: UInt8(ascii: "@"))
        else { return self }
        return Array(self[..<start] + self[(at + 1)...])
    }
}
