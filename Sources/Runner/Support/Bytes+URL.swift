/// Parts of a URL with a scheme and `//`.
extension [UInt8] {
    /// The index behind `//`.
    var authorityStart: Int { authorityStart(from: 0) }

    /// The index behind `//` of a URL that begins at `start`.
    ///
    /// - Parameter end: The end of the URL; `nil` where that is the end of the bytes.
    func authorityStart(from start: Int, to end: Int? = nil) -> Int {
        let end = end ?? count
        return Swift.min(
            (self[start..<end].firstIndex(of: UInt8(ascii: ":")) ?? start) + 3, end)
    }

    /// The index behind user, host and port.
    ///
    /// - Parameter end: The end of the URL; `nil` where that is the end of the bytes.
    func authorityEnd(from start: Int, to end: Int? = nil) -> Int {
        let end = end ?? count
        return self[start..<end].firstIndex { "/?#".utf8.contains($0) } ?? end
    }

    /// Returns the URL without user name and password.
    func withoutUser() -> [UInt8] {
        let start = authorityStart
        guard let at = self[start..<authorityEnd(from: start)].lastIndex(of: UInt8(ascii: "@"))
        else { return self }
        return Array(self[..<start] + self[(at + 1)...])
    }
}
