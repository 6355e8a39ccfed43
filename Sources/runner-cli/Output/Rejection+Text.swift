import Lists
import Runner

extension ListImporter.Rejection {
    /// The list and the line; behind a URL, a number alone would be taken for a part of it.
    var place: String {
        ListTransport.isURL(list) ? "\(list), line \(lineNumber)" : "\(list):\(lineNumber)"
    }

    /// The rejection in one line, without user names and passwords: logs and screens keep it.
    var text: String {
        let line = Redaction.line(excerpt)
        let shown = line.text.utf8.prefix(100)
        // Where the line has a password, any part of it that is quoted may be a piece of that.
        let reason = line.isRedacted ? Redaction.withoutQuotes(reason) : reason
        return "\(place): \(reason)"
            + (shown.isEmpty ? "" : ": \(String(decoding: shown, as: UTF8.self))")
    }
}

/// Hides user names and passwords in lines that are no URLs, so that no rule of URLs finds them.
enum Redaction {
    /// Replaces all between the first `://` (or the beginning) and the last `@` of a line by `***`.
    ///
    /// A password may hold any byte, `/`, `#` and blanks included, which is why its line was
    /// rejected; so rather too much is hidden.
    ///
    /// - Parameter excerpt: The first bytes of the line.
    static func line(_ excerpt: [UInt8]) -> (text: String, isRedacted: Bool) {
        func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
        let scheme = excerpt.firstRange(of: Array("://".utf8))?.upperBound
        if let at = excerpt.lastIndex(of: UInt8(ascii: "@")) {
            let first = excerpt.firstIndex(of: UInt8(ascii: "@")) ?? at
            let start = scheme.flatMap { $0 <= first ? $0 : nil } ?? 0
            return (text(excerpt[..<start]) + "***" + text(excerpt[at...]), true)
        }
        // Of a long line, the end of a password may be cut off, with the @ that tells of it.
        let isCut = excerpt.count >= ListRejection.excerptBytesMax
        guard isCut, let scheme else { return (text(excerpt[...]), false) }
        let rest = excerpt[scheme...]
        let host = rest.prefix { !"/?#".utf8.contains($0) }
        guard host.contains(UInt8(ascii: ":")) || host.count == rest.count else {
            return (text(excerpt[...]), false)
        }
        return (text(excerpt[..<scheme]) + "***", true)
    }

    /// Replaces what stands in quotes by `***`.
    static func withoutQuotes(_ text: String) -> String {
        text.split(separator: "'", omittingEmptySubsequences: false).enumerated().map {
            index, part in index.isMultiple(of: 2) ? String(part) : "***"
        }.joined(separator: "'")
    }
}
