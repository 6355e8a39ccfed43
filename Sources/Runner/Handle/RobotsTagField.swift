/// The header field `X-Robots-Tag`, as far as it is about links.
///
/// ```
/// nofollow                            for all crawlers
/// otherbot: noindex, nofollow         for otherbot alone
/// unavailable_after: 25 Jun 2010 15:00:00 PST
/// ```
///
/// > The user agent name and the specified values are not case sensitive.
///
/// - SeeAlso: <https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag#xrobotstag>
enum RobotsTagField {
    /// The rules that have a value behind a colon. Any other name before one is a crawler's.
    private static let rulesWithValue: Set<String> = [
        "max-image-preview", "max-snippet", "max-video-preview", "unavailable_after",
    ]

    /// Whether a value of the field tells a crawler not to follow the links of a page.
    ///
    /// - Parameter agent: The name of the crawler, in either case.
    static func forbidsLinks(_ value: [UInt8], to agent: String) -> Bool {
        var isForUs = true
        for part in value.split(separator: UInt8(ascii: ",")) {
            var rule = part
            if let colon = part.firstIndex(of: UInt8(ascii: ":")) {
                let name = text(part[..<colon])
                // A name is for all rules behind it. What is none is the rest of a date.
                guard !rulesWithValue.contains(name),
                    name == "*" || !name.isEmpty && RobotsOptions.token(of: name) == name
                else { continue }
                isForUs = name == "*" || name == agent.lowercased()
                rule = part[(colon + 1)...]
            }
            if isForUs, ["nofollow", "none"].contains(text(rule)) { return true }
        }
        return false
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.trimmed, as: UTF8.self).lowercased()
    }
}
