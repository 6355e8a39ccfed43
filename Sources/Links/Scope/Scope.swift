/// The choice of which URLs that were found are followed. It counts what it cuts off, by reason.
///
/// ```swift
/// var scope = try Scope(.domain, skip: ["[.]pdf$"])
/// guard let seed = Scope.Seed(url: "https://example.com/docs/") else { return }
/// switch scope.verdict(on: link.url, from: seed) {
/// case .follow: add(link.url)
/// case .cut(let reason): tell(reason)
/// }
/// ```
public struct Scope {
    /// The URLs that are near enough to their seed.
    public enum Reach: String, CaseIterable, Sendable {
        /// Those of the seed's host. HTTP and HTTPS, each at its own port, are one place; any other
        /// port is another.
        case host
        /// Those of the hosts that share the seed's registrable domain, at any port. For an
        /// address, or a name that is none's to register, that host alone.
        case domain
        /// Those of `host` whose path begins as the seed's does, up to its last slash.
        case prefix
        /// All.
        case any
    }

    /// The reasons why a URL is not followed, to be counted.
    public enum Reason: String, CaseIterable, Sendable {
        /// It is no URL of HTTP or HTTPS.
        case notHTTP
        /// It has more bytes than `TrapGuards.urlBytesMax`.
        case tooLong
        /// It is out of reach of its seed.
        case outOfReach
        /// No expression that it must match matches.
        case notMatched
        /// An expression that it must not match matches.
        case skipped
        /// Its path has more segments than `TrapGuards.segmentsMax`.
        case tooDeep
        /// Its path has one segment more often than `TrapGuards.segmentRepeatsMax`.
        case repeatedSegment
        /// Its path has a sequence more often in a row than `TrapGuards.sequenceRepeatsMax`.
        case repeatedSequence
        /// Its query has more parameters than `TrapGuards.parametersMax`.
        case tooManyParameters
        /// Its path has come with `TrapGuards.queriesMax` other queries.
        case tooManyQueries
    }

    public enum Verdict: Hashable, Sendable {
        case follow
        case cut(Reason)
    }

    /// The URL where a walk along links began.
    public struct Seed: Sendable {
        let url: URLParts
        let domain: String?
        let folder: ArraySlice<UInt8>

        /// The URL up to the last slash of its path, in normal form and without a user. It stands for
        /// the seed where the reach is `prefix`.
        public var folderURL: String {
            let scheme = url.bytes.starts(with: "https:".utf8) ? "https" : "http"
            return "\(scheme)://\(String(decoding: url.site + folder, as: UTF8.self))"
        }

        /// - Returns: `nil` when the text is no URL of HTTP or HTTPS.
        public init?(url: String) {
            guard let parts = URLParts(url) else { return nil }
            self.url = parts
            domain = PublicSuffixes.registrableDomain(of: parts.host)
            let slash = parts.path.lastIndex(of: UInt8(ascii: "/")) ?? parts.path.startIndex
            folder = parts.path[...slash]
        }
    }

    /// The number of verdicts by reason; a reason that never came has none.
    public private(set) var cuts: [Reason: Int] = [:]
    /// The number of URLs to follow.
    public private(set) var followed = 0

    private let reach: Reach
    private let match: [BytePattern]
    private let skip: [BytePattern]
    private let guards: TrapGuards
    private var queries: KnownQueries

    /// - Parameters:
    ///   - match: POSIX extended regular expressions, of which one must match somewhere in the URL
    ///     as it was found; none lets all pass.
    ///   - skip: Expressions of which none may match.
    /// - Throws: `ScopeFault` when a text is no expression.
    public init(
        _ reach: Reach, match: [String] = [], skip: [String] = [], guards: TrapGuards = TrapGuards()
    ) throws(ScopeFault) {
        self.reach = reach
        self.match = try Self.patterns(match)
        self.skip = try Self.patterns(skip)
        self.guards = guards
        queries = KnownQueries(queriesMax: guards.queriesMax, knownMax: guards.queriesKnownMax)
    }

    private static func patterns(_ texts: [String]) throws(ScopeFault) -> [BytePattern] {
        var patterns: [BytePattern] = []
        for text in texts {
            do throws(PatternFault) {
                patterns.append(try BytePattern(text))
            } catch {
                throw ScopeFault(pattern: text, problem: error.description)
            }
        }
        return patterns
    }

    /// Judges a URL that was found, and counts the verdict.
    ///
    /// - Parameter url: An absolute URL.
    public mutating func verdict(on url: String, from seed: Seed) -> Verdict {
        if let reason = reason(against: url, seed) {
            cuts[reason, default: 0] += 1
            return .cut(reason)
        }
        followed += 1
        return .follow
    }

    private mutating func reason(against url: String, _ seed: Seed) -> Reason? {
        // First: nothing else is to look at megabytes.
        if url.utf8.count > 2 * guards.urlBytesMax { return .tooLong }
        guard let parts = URLParts(url) else { return .notHTTP }
        guard isInReach(parts, seed) else { return .outOfReach }
        if !match.isEmpty, !matches(url, match) { return .notMatched }
        if matches(url, skip) { return .skipped }
        if let reason = guards.reason(against: parts) { return reason }
        return queries.take(parts) ? nil : .tooManyQueries
    }

    private func isInReach(_ url: URLParts, _ seed: Seed) -> Bool {
        switch reach {
        case .any: return true
        case .host: return url.site == seed.url.site
        case .prefix: return url.site == seed.url.site && url.path.starts(with: seed.folder)
        case .domain:
            if url.host == seed.url.host { return true }
            guard let domain = seed.domain else { return false }
            return PublicSuffixes.registrableDomain(of: url.host) == domain
        }
    }

    private func matches(_ url: String, _ patterns: [BytePattern]) -> Bool {
        guard !patterns.isEmpty else { return false }
        var url = url
        return url.withUTF8 { url in
            patterns.contains { $0.matches(UnsafeRawBufferPointer(url)) }
        }
    }
}

/// The reason a text is no regular expression.
public struct ScopeFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text.
    public let pattern: String
    /// The reason in the system's words.
    public let problem: String

    public var description: String { "'\(pattern)' is no regular expression: \(problem)" }
}
