/// What came of looking a host's name up.
enum NameAnswer: Equatable, Sendable {
    /// Its addresses, the one to try first at the front, as libcurl takes them: `1.2.3.4,[::1]`.
    case addresses(String)
    /// The name servers say that there is no such name, or that it has no address.
    case noSuchName
    /// No name server gave an answer that counts; says why.
    case trouble(String)

    /// The addresses of names that stand for this machine, which are never looked up.
    ///
    /// > Name resolution APIs and libraries SHOULD recognize localhost names as special and SHOULD
    /// > always return the IP loopback address. <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>
    static func local(_ name: String) -> NameAnswer? {
        let name = name.hasSuffix(".") ? name.dropLast() : name[...]
        return name == "localhost" || name.hasSuffix(".localhost")
            ? .addresses("[::1],127.0.0.1") : nil
    }
}

/// Answers that were given, until they are too old. Pure, and bounded.
struct AddressBook {
    struct Limits {
        /// Names kept: at least so many, at most twice that.
        var names = 4096
        /// How long an address counts, whatever its record says: a TTL of 0 would be a lookup a
        /// connection, one of weeks an address that is gone.
        var ttlMicros = 1_000_000...3_600_000_000
        /// How long it counts that there is no such name.
        var noNameMicros = 10_000_000
        /// How long trouble counts: for what waits at the same time, not for the next attempt, which
        /// may come any moment within a second and would be lost.
        var troubleMicros = 100_000
    }

    private struct Entry {
        var answer: NameAnswer
        var untilMicros: Int
    }

    private let limits: Limits
    private var recent: [String: Entry] = [:]
    /// What was recent until `recent` was full; what is asked for again moves back.
    private var earlier: [String: Entry] = [:]

    init(limits: Limits = Limits()) { self.limits = limits }

    /// - Returns: `nil` when the name must be looked up.
    mutating func answer(for name: String, at now: Now) -> NameAnswer? {
        var entry = recent[name]
        if entry == nil, let old = earlier.removeValue(forKey: name) {
            keep(old, for: name)
            entry = old
        }
        guard let entry, now.monotonicMicros < entry.untilMicros else { return nil }
        return entry.answer
    }

    /// - Parameter ttlSeconds: Of the record that lives shortest; not looked at where there is none.
    mutating func keep(
        _ answer: NameAnswer, ttlSeconds: Int, for name: String, at now: Now
    ) {
        let micros =
            switch answer {
            case .addresses:
                min(
                    max(limits.ttlMicros.lowerBound, min(max(0, ttlSeconds), 1 << 32) * 1_000_000),
                    limits.ttlMicros.upperBound)
            case .noSuchName: limits.noNameMicros
            case .trouble: limits.troubleMicros
            }
        keep(Entry(answer: answer, untilMicros: now.monotonicMicros + micros), for: name)
    }

    private mutating func keep(_ entry: Entry, for name: String) {
        if recent.count >= limits.names {
            earlier = recent
            recent = [:]
        }
        recent[name] = entry
    }

    var count: Int { recent.count + earlier.count }
}
