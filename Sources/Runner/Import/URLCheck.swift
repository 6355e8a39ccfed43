internal import JobStore

/// Checks that lines are URLs that can be asked for.
enum URLCheck {
    /// Whether a byte stands in no URL: controls and blanks.
    private static func isForbidden(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7F }

    /// Whether a byte of the text stands in no URL.
    private static func hasForbidden(_ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        // Eight at a time: nearly all URLs have none of them.
        while index + 8 <= text.count {
            let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if hasForbidden(word) { break }
            index += 8
        }
        while index < text.count {
            if isForbidden(text[index]) { return true }
            index += 1
        }
        return false
    }

    /// - SeeAlso: <https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord>
    private static func hasForbidden(_ word: UInt64) -> Bool {
        let (ones, high) = (0x0101_0101_0101_0101 as UInt64, 0x8080_8080_8080_8080 as UInt64)
        let deleted = word ^ ones &* 0x7F
        return ((word &- ones &* 0x21) & ~word | (deleted &- ones) & ~deleted) & high != 0
    }

    /// Returns the end of scheme, user, host and port.
    ///
    /// - Returns: `nil` when the text is no URL of HTTP, or holds a byte that none has.
    static func authorityEnd(of url: UnsafeRawBufferPointer) -> Int? {
        guard let start = hostStart(of: url), start < url.count else { return nil }
        var end = start
        while end < url.count, !isDelimiter(url[end]) { end += 1 }
        guard end > start else { return nil }
        return hasForbidden(url) ? nil : end
    }

    private static func isDelimiter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
    }

    /// The index behind `http://` or `https://`, in letters of either case.
    private static func hostStart(of url: UnsafeRawBufferPointer) -> Int? {
        func begins(_ scheme: StaticString) -> Bool {
            let count = scheme.utf8CodeUnitCount
            guard url.count >= count else { return false }
            for index in 0..<count where url[index] | 0x20 != scheme.utf8Start[index] | 0x20 {
                return false
            }
            return true
        }
        if begins("https://") { return 8 }
        return begins("http://") ? 7 : nil
    }

    /// Says why a text is no URL that can be asked for.
    static func reason(against url: UnsafeRawBufferPointer) -> String {
        if url.isEmpty { return "is empty" }
        if let byte = url.first(where: isForbidden) {
            return byte == 0x20
                ? "holds a space; write it as %20"
                : "holds a control character (0x\(String(byte, radix: 16)))"
        }
        guard hostStart(of: url) != nil else {
            let text = String(decoding: url.prefix(100), as: UTF8.self)
            guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
                return "has no scheme; write it as https://…"
            }
            return "has the scheme '\(text[..<colon])'; only http and https are fetched"
        }
        return "names no host"
    }

    /// Says why nothing can be fetched from a host; `nil` when something may be.
    ///
    /// - Parameter authority: Scheme, user, host and port.
    static func reason(againstAuthority authority: UnsafeRawBufferPointer) -> String? {
        guard let text = String(validating: authority, as: UTF8.self) else { return "is not UTF-8" }
        do {
            // As a template: what is refused there for a whole batch is refused here for a row.
            try RequestTemplate(parsing: text + "/{id}").check()
            return nil
        } catch {
            return error.description
        }
    }
}

/// The header fields of a row whose body was given as JSON.
enum JSONBodyHeaders {
    private static let own = Array("Content-Type: application/json\n".utf8)

    /// Calls `use` with the row's fields and, unless it has one, the type of its body.
    static func withFields(
        _ fields: UnsafeRawBufferPointer?, _ use: (UnsafeRawBufferPointer) -> Void
    ) {
        let text = Array(fields ?? UnsafeRawBufferPointer(start: nil, count: 0))
        let hasType = text.split(separator: UInt8(ascii: "\n")).contains { line in
            let name = line.prefix { $0 != UInt8(ascii: ":") }
            return HeaderTemplate.isSame(String(decoding: name, as: UTF8.self), "Content-Type")
        }
        (hasType ? text : text + own).withUnsafeBytes(use)
    }
}
