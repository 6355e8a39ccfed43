/// The result of looking a host's name up.
enum NameAnswer: Equatable, Sendable {
    /// The name's addresses as libcurl takes them, with the one to try first at the front:
    /// `1.2.3.4,[::1]`.
    case addresses(String)
    /// The name servers say that there is no such name, or that it has no address.
    case noSuchName
    /// No name server gave an answer that counts; the text says why.
    case trouble(String)

    /// The most addresses of a name that are tried.
    static let addressesMax = 16

    /// The addresses of a name that stands for this machine, which is never looked up; `nil` for
    /// other names.
    ///
    /// > Name resolution APIs and libraries SHOULD recognize localhost names as special and SHOULD
    /// > always return the IP loopback address.
    /// <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>
    static func local(_ name: String, _ family: AddressFamily = .any) -> NameAnswer? {
        let name = name.hasSuffix(".") ? name.dropLast() : name[...]
        guard name == "localhost" || name.hasSuffix(".localhost") else { return nil }
        return family.only("[::1],127.0.0.1").map { .addresses($0) }
    }
}

/// Keeps answers until they are too old. Pure, and bounded.
struct AddressBook {
    struct Limits {
        /// The number of names kept: at least this, at most twice as many.
        var names = 4096
        /// The time in µs that an address counts is within these bounds, whatever its record says.
        /// A TTL of 0 would mean a lookup for each connection, and one of weeks an address that is
        /// gone.
        var ttlMicros = 1_000_000...3_600_000_000
        /// The time in µs that the answer counts that there is no such name.
        var noNameMicros = 10_000_000
        /// The time in µs that trouble counts: for requests that wait at the same time, not for the
        /// next attempt, which may come at any moment within a second and would be lost.
        var troubleMicros = 100_000
    }

    private struct Entry {
        var answer: NameAnswer
        var untilMicros: Int
    }

    private let limits: Limits
    private var recent: [String: Entry] = [:]
    /// The entries that were in `recent` when it was last full. A name that is asked for again
    /// moves back.
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

    /// - Parameter ttlSeconds: The TTL of the record that lives shortest; ignored when there are no
    ///   addresses.
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
