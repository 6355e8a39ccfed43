/// A line of a robots.txt that allows or disallows paths.
struct RobotsRule: Equatable, Sendable {
    let isAllow: Bool
    /// The pattern in its normal form (`RobotsPath`); not empty.
    let pattern: [UInt8]

    /// Whether the rule is asked before another: of those that match, the one with the most octets
    /// decides, and of equals the one that allows.
    fileprivate func isBefore(_ other: RobotsRule) -> Bool {
        let (octets, others) = (
            RobotsPath.octets(of: pattern), RobotsPath.octets(of: other.pattern)
        )
        if octets != others { return octets > others }
        if isAllow != other.isAllow { return isAllow }
        return pattern.lexicographicallyPrecedes(other.pattern)
    }

    /// The line in its normal form.
    var line: String {
        "\(isAllow ? "Allow" : "Disallow"): \(String(decoding: pattern, as: UTF8.self))"
    }
}

/// The rules of one origin for one crawler, in one piece of memory: runs keep hundreds of thousands
/// of them.
struct RobotsRules: Equatable, Sendable {
    /// The patterns, one behind the other, in the order in which they are asked.
    private let patterns: [UInt8]
    /// For each rule twice the index behind its pattern, and one more where it allows.
    private let marks: [UInt32]
    /// The time between two requests that the origin asks for, in µs; 0 when it asks for none.
    let crawlDelayMicros: Int

    /// The rules of an origin that has none.
    static let allowingAll = RobotsRules([], crawlDelayMicros: 0)

    /// The longest `crawlDelayMicros`: a minute.
    static let crawlDelayMicrosMax = 60_000_000

    /// - Parameter rules: At most as many as there are in `RobotsFile.bytesMax`.
    init(_ rules: [RobotsRule], crawlDelayMicros: Int) {
        self.crawlDelayMicros = min(crawlDelayMicros, Self.crawlDelayMicrosMax)
        var patterns: [UInt8] = []
        var marks: [UInt32] = []
        // Without a rule that disallows, the others say nothing.
        var before: RobotsRule?
        for rule in rules.contains(where: { !$0.isAllow })
            ? rules.sorted(by: { $0.isBefore($1) }) : []
        where rule != before {
            patterns += rule.pattern
            marks.append(UInt32(patterns.count) << 1 | (rule.isAllow ? 1 : 0))
            before = rule
        }
        (self.patterns, self.marks) = (patterns, marks)
    }

    /// Whether nothing is disallowed.
    var allowsAll: Bool { marks.isEmpty }

    /// About how many bytes of memory the rules take, beside those of the value itself.
    var byteCount: Int { marks.isEmpty ? 0 : 64 + patterns.count + 4 * marks.count }

    var count: Int { marks.count }

    /// The rule at an index, in the order in which they are asked.
    subscript(index: Int) -> RobotsRule {
        RobotsRule(isAllow: marks[index] & 1 == 1, pattern: Array(patterns[range(of: index)]))
    }

    private func range(of index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(marks[index - 1] >> 1))..<Int(marks[index] >> 1)
    }

    /// Returns the rule that decides about a path; `nil` when none does, and the path is allowed.
    ///
    /// - Parameter path: Path and query, as they are sent.
    func rule(for path: some Collection<UInt8>) -> RobotsRule? {
        // > The /robots.txt URI is implicitly allowed.
        guard !marks.isEmpty, !path.elementsEqual("/robots.txt".utf8) else { return nil }
        let path = RobotsPath.normal(path: path)
        let index = path.withUnsafeBufferPointer { path in
            patterns.withUnsafeBufferPointer { patterns in
                marks.indices.first {
                    RobotsPath.matches(.init(rebasing: patterns[range(of: $0)]), path)
                }
            }
        }
        return index.map { self[$0] }
    }

    /// Whether a path may be asked for.
    ///
    /// - Parameter path: Path and query, as they are sent.
    func allows(_ path: some Collection<UInt8>) -> Bool { rule(for: path)?.isAllow ?? true }
}
