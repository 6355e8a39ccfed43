internal import JobStore

/// The result of asking an origin for its robots.txt.
enum RobotsFinding: Sendable {
    case rules(RobotsRules)
    /// The origin gave none, and a job of it is to end as if it had got this response itself.
    case trouble(Response)
}

/// The origins' rules as far as a run knows them, in bounded memory. Pure.
///
/// The rules are in two halves. When the younger half is full, the older one is dropped, and the
/// younger one becomes the older; what is asked for of the older half moves to the younger. So those
/// that were asked for last stay. An origin takes some 200 bytes, and those of its rules.
struct RobotsBook {
    struct Limits {
        /// The origins of a half: as many as a dictionary of 16,384 places takes.
        var countMax = 12_288
        /// The bytes of the rules of a half.
        var byteMax = 16 << 20
        /// The records that wait to be kept; further ones are not kept.
        var unkeptMax = 10_000
        /// The time in µs between two times that records are kept.
        var keepMicros = 1_000_000
    }

    private struct Entry {
        let rules: RobotsRules
        /// On the monotonic clock; `.max` for ever.
        let expiresMicros: Int
    }

    private struct Half {
        var entries: [HostKey: Entry] = [:]
        var byteCount = 0

        mutating func remove(_ origin: HostKey) -> Entry? {
            guard let entry = entries.removeValue(forKey: origin) else { return nil }
            byteCount -= entry.rules.byteCount
            return entry
        }

        mutating func add(_ entry: Entry, for origin: HostKey) {
            _ = remove(origin)
            byteCount += entry.rules.byteCount
            entries[origin] = entry
        }
    }

    private let limits: Limits
    private var young = Half()
    private var old = Half()
    private var unkept: [RobotsRecord] = []
    /// The time in µs on the monotonic clock before which nothing is kept.
    private var nextKeepMicros = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    /// The number of origins whose rules are in memory.
    var count: Int { young.entries.count + old.entries.count }

    /// Returns the rules of an origin; `nil` when they are not known, or not any more.
    mutating func rules(of origin: HostKey, at now: Now) -> RobotsRules? {
        if let entry = young.entries[origin] {
            if now.monotonicMicros < entry.expiresMicros { return entry.rules }
            _ = young.remove(origin)
            return nil
        }
        guard let entry = old.remove(origin), now.monotonicMicros < entry.expiresMicros else {
            return nil
        }
        add(entry, for: origin)
        return entry.rules
    }

    /// Takes in the rules of an origin.
    ///
    /// - Parameters:
    ///   - lifetime: The time for which they count; `nil` for ever.
    mutating func add(
        _ rules: RobotsRules, for origin: HostKey, lifetime: Duration?, at now: Now
    ) {
        _ = old.remove(origin)
        let expiresMicros = lifetime.map { now.monotonicMicros + $0.microseconds } ?? .max
        add(Entry(rules: rules, expiresMicros: expiresMicros), for: origin)
    }

    private mutating func add(_ entry: Entry, for origin: HostKey) {
        if young.entries.count >= limits.countMax
            || young.byteCount + entry.rules.byteCount > limits.byteMax
        {
            (old, young) = (young, Half())
        }
        young.add(entry, for: origin)
    }

    // MARK: - Records for the queue

    /// Takes in a record for the queue.
    mutating func add(_ record: RobotsRecord) {
        if unkept.count < limits.unkeptMax { unkept.append(record) }
    }

    /// Whether some records are to be kept now.
    func isKeepDue(at now: Now) -> Bool {
        !unkept.isEmpty && now.monotonicMicros >= nextKeepMicros
    }

    /// Takes out the records that are to be kept.
    mutating func takeUnkept(at now: Now) -> [RobotsRecord] {
        nextKeepMicros = now.monotonicMicros + limits.keepMicros
        defer { unkept = [] }
        return unkept
    }
}
