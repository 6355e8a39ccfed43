/// The part of a robots.txt that concerns one crawler (RFC 9309). Pure.
///
/// Where the RFC leaves room, lines are read as Google's parser reads them; docs/ROBOTS.md has the
/// differences.
struct RobotsFile: Equatable, Sendable {
    let rules: RobotsRules
    /// The values of `Sitemap`, whichever group they stand in.
    let sitemaps: [String]
    /// The group that the rules come from.
    let group: RobotsGroup

    /// The bytes that are read; what comes behind them is ignored.
    ///
    /// > The parsing limit MUST be at least 500 kibibytes.
    static let bytesMax = 500 << 10
    /// The bytes of a line that are read: eight times the length of a URL that browsers take.
    static let lineBytesMax = 8 * 2083 - 1

    /// - Parameters:
    ///   - text: The file, or its beginning.
    ///   - agent: The product token of the crawler.
    init(_ text: [UInt8], for agent: String) {
        self.init(Self.lines(of: text).map { $0.prefix(Self.lineBytesMax) }, agent)
    }

    /// Reads what `text(of:for:)` wrote, all of it: the normal form of rules may be longer than they
    /// were.
    init(kept text: [UInt8], for agent: String) {
        self.init(text.split(whereSeparator: \.isLineEnd), agent)
    }

    private init(_ text: [ArraySlice<UInt8>], _ agent: String) {
        var reader = RobotsReader(agent)
        for line in text { reader.read(line) }
        let (group, lines) = reader.result
        self.group = group
        sitemaps = reader.sitemaps
        rules = RobotsRules(lines.rules, crawlDelayMicros: lines.crawlDelayMicros)
    }

    private static func lines(of text: [UInt8]) -> [ArraySlice<UInt8>] {
        var text = text[...]
        if text.count > bytesMax {
            // A rule that was cut might forbid more than it means.
            text = text.prefix(bytesMax)
            text = text[..<(text.lastIndex(where: \.isLineEnd) ?? text.startIndex)]
        }
        // Byte order marks do not belong here, and are there, whole and in part.
        for byte in [0xEF, 0xBB, 0xBF] as [UInt8] {
            guard text.first == byte else { break }
            text.removeFirst()
        }
        return text.split(whereSeparator: \.isLineEnd)
    }

    /// The rules as a robots.txt of their own, from which they can be read again.
    ///
    /// - Parameter agent: The product token of the crawler.
    static func text(of rules: RobotsRules, for agent: String) -> [UInt8] {
        var text = heading(for: agent)
        if rules.crawlDelayMicros > 0 {
            text += Array("Crawl-delay: ".utf8)
            text.append(decimal: rules.crawlDelayMicros / 1_000_000)
            text.append(".")
            text.append(decimal: rules.crawlDelayMicros % 1_000_000, digits: 6)
            text.append("\n")
        }
        for index in 0..<rules.count { text += Array((rules[index].line + "\n").utf8) }
        return text
    }

    /// The first line of such a text.
    static func heading(for agent: String) -> [UInt8] { Array("User-agent: \(agent)\n".utf8) }
}

/// The group of a robots.txt that holds for a crawler.
enum RobotsGroup: Equatable, Sendable {
    /// The group, or groups, that name the crawler.
    case ofAgent
    /// The group of `*`.
    case ofAll
    case none
}

/// Reads a robots.txt line by line.
private struct RobotsReader {
    /// The lines that hold for somebody.
    struct Lines {
        var rules: [RobotsRule] = []
        var crawlDelayMicros = 0
    }

    /// In lower case.
    private let agent: [UInt8]
    private var own = Lines()
    private var common = Lines()
    private var hasOwn = false
    private var hasCommon = false
    /// Whether the group that is read holds for the crawler, and whether for all.
    private var isOwn = false
    private var isCommon = false
    /// Whether the group that is read has a rule, so that the next agent begins another.
    private var hasRule = false
    private(set) var sitemaps: [String] = []

    init(_ agent: String) { self.agent = agent.utf8.map(\.inLowerCase) }

    var result: (RobotsGroup, Lines) {
        hasOwn ? (.ofAgent, own) : hasCommon ? (.ofAll, common) : (.none, Lines())
    }

    mutating func read(_ line: ArraySlice<UInt8>) {
        guard let (key, value) = Self.parts(of: line.prefix { $0 != UInt8(ascii: "#") }),
            let kind = Key(key)
        else { return }
        switch kind {
        case .userAgent: begin(value)
        case .allow: add(isAllow: true, value)
        case .disallow: add(isAllow: false, value)
        case .crawlDelay: delay(value)
        case .sitemap: sitemaps.append(String(decoding: value, as: UTF8.self))
        }
    }

    /// Cuts a line at its colon. Where somebody forgot it, a line of two words is cut between them.
    private static func parts(
        of line: ArraySlice<UInt8>
    ) -> (key: ArraySlice<UInt8>, value: ArraySlice<UInt8>)? {
        let line = line.withoutBlanks
        if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            return (line[..<colon].withoutBlanks, line[(colon + 1)...].withoutBlanks)
        }
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        return words.count == 2 ? (words[0], words[1]) : nil
    }

    private mutating func begin(_ value: ArraySlice<UInt8>) {
        if hasRule { (isOwn, isCommon, hasRule) = (false, false, false) }
        // > Crawlers […] MUST obey the first group with a user-agent line with the "*" value.
        // A word behind the star changes nothing.
        if value.first == UInt8(ascii: "*"), value.dropFirst().first?.isBlank ?? true {
            (isCommon, hasCommon) = (true, true)
            return
        }
        let token = RobotsOptions.token(of: String(decoding: value, as: UTF8.self))
        if !agent.isEmpty, token.utf8.lazy.map(\.inLowerCase).elementsEqual(agent) {
            (isOwn, hasOwn) = (true, true)
        }
    }

    private mutating func add(isAllow: Bool, _ value: ArraySlice<UInt8>) {
        guard isOwn || isCommon else { return }
        hasRule = true
        // Another pattern matches no path; an empty one is no rule.
        guard value.first == UInt8(ascii: "/") || value.first == UInt8(ascii: "*") else { return }
        add(RobotsRule(isAllow: isAllow, pattern: RobotsPath.normal(pattern: value)))
        // As Google has it: who allows the file that a folder shows allows the folder.
        if isAllow, let slash = value.lastIndex(of: UInt8(ascii: "/")),
            value[slash...].starts(with: "/index.htm".utf8)
        {
            add(
                RobotsRule(
                    isAllow: true, pattern: RobotsPath.normal(pattern: value[...slash] + "$".utf8)))
        }
    }

    private mutating func add(_ rule: RobotsRule) {
        if isOwn { own.rules.append(rule) }
        if isCommon { common.rules.append(rule) }
    }

    private mutating func delay(_ value: ArraySlice<UInt8>) {
        guard let micros = Self.micros(value) else { return }
        if isOwn { own.crawlDelayMicros = max(own.crawlDelayMicros, micros) }
        if isCommon { common.crawlDelayMicros = max(common.crawlDelayMicros, micros) }
    }

    /// Returns a number of seconds, perhaps with a fraction, in µs; `nil` when the text is none.
    private static func micros(_ text: ArraySlice<UInt8>) -> Int? {
        let isNumber = text.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
        }
        guard isNumber, let seconds = Double(String(decoding: text, as: UTF8.self)) else {
            return nil
        }
        return Int(min(seconds * 1_000_000, Double(RobotsRules.crawlDelayMicrosMax)))
    }

    /// A kind of line, by the word before the colon.
    private enum Key {
        case userAgent, allow, disallow, crawlDelay, sitemap

        /// The words by their beginnings, those that are often misspelt so included.
        private static let words: [(StaticString, Key)] = [
            ("user-agent", .userAgent), ("useragent", .userAgent), ("user agent", .userAgent),
            ("allow", .allow), ("disallow", .disallow), ("dissallow", .disallow),
            ("dissalow", .disallow), ("disalow", .disallow), ("diasllow", .disallow),
            ("disallaw", .disallow), ("crawl-delay", .crawlDelay), ("sitemap", .sitemap),
            ("site-map", .sitemap),
        ]

        init?(_ text: ArraySlice<UInt8>) {
            let text = text.prefix(16).map(\.inLowerCase)
            guard
                let word = Self.words.first(where: { word, _ in
                    word.withUTF8Buffer { text.starts(with: $0) }
                })
            else { return nil }
            self = word.1
        }
    }
}

extension UInt8 {
    fileprivate var isLineEnd: Bool { self == UInt8(ascii: "\n") || self == UInt8(ascii: "\r") }
    /// Whether the byte is white space of ASCII.
    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || (9...13).contains(self) }
    fileprivate var inLowerCase: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}

extension ArraySlice<UInt8> {
    fileprivate var withoutBlanks: ArraySlice<UInt8> {
        var slice = drop(while: \.isBlank)
        while slice.last?.isBlank == true { slice.removeLast() }
        return slice
    }
}
