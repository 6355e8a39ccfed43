internal import JobStore

/// Limits that a run keeps to from now on, in place of those it began with. Each that is `nil` stays
/// as it is.
public struct LimitChange: Equatable, Sendable {
    /// A limit, or none.
    public enum Bound<Value: Equatable & Sendable>: Equatable, Sendable {
        case lifted
        case most(Value)

        /// The limit; `nil` where there is none.
        public var value: Value? {
            switch self {
            case .lifted: nil
            case .most(let value): value
            }
        }
    }

    /// The most requests in flight, 1 or more; those that the run began with where it is higher.
    public var workers: Int?
    /// The most requests of the run.
    public var rate: Bound<Rate>?
    /// The most requests to each host that no rule is for, as the two below.
    public var hostRate: Bound<Rate>?
    /// The mean time between two requests to a host.
    public var delay: Bound<Duration>?
    /// The most requests in flight to a host, 1 or more.
    public var perHost: Bound<Int>?

    public init() {}

    /// Whether anything changes.
    public var isAny: Bool { self != LimitChange() }

    /// The limits of hosts, as changed from others.
    func changed(_ limits: HostLimits) -> HostLimits {
        var limits = limits
        if let hostRate { limits.rate = hostRate.value }
        if let delay { limits.delay = delay.value }
        if let perHost { limits.inFlightMax = perHost.value ?? .max }
        return limits
    }
}

/// The limits as a queue keeps them: texts by name.
extension LimitChange {
    private enum Name {
        static let (workers, rate, hostRate) = ("workers", "rate", "host_rate")
        static let (delay, perHost) = ("delay_us", "per_host")
        static let lifted = "none"
    }

    /// - Parameter kept: Texts by name; those that are no limit are left out.
    public init(kept: [String: String]) {
        workers = kept[Name.workers].flatMap(Self.count)
        rate = Self.bound(kept[Name.rate], Self.rate)
        hostRate = Self.bound(kept[Name.hostRate], Self.rate)
        delay = Self.bound(kept[Name.delay]) { text in Self.count(text).map { .microseconds($0) } }
        perHost = Self.bound(kept[Name.perHost], Self.count)
    }

    public var kept: [String: String] {
        var kept: [String: String] = [:]
        kept[Name.workers] = workers.map(String.init)
        kept[Name.rate] = Self.text(rate, Self.text)
        kept[Name.hostRate] = Self.text(hostRate, Self.text)
        kept[Name.delay] = Self.text(delay) { String($0.microseconds) }
        kept[Name.perHost] = Self.text(perHost) { String($0) }
        return kept
    }

    private static func text<Value>(_ bound: Bound<Value>?, _ text: (Value) -> String) -> String? {
        bound.map { $0.value.map(text) ?? Name.lifted }
    }

    private static func bound<Value>(
        _ text: String?, _ value: (String) -> Value?
    ) -> Bound<Value>? {
        guard let text else { return nil }
        return text == Name.lifted ? .lifted : value(text).map { .most($0) }
    }

    private static let countRange = 1e-9...1e9
    /// In µs; the longest is a year.
    private static let intervalRange = 1e-6...31_536_000e6

    private static func count(_ text: String) -> Int? { Int(text).flatMap { $0 >= 1 ? $0 : nil } }

    /// A rate is its requests and its time in µs, so that it comes back as it was.
    private static func text(_ rate: Rate) -> String { "\(rate.count)/\(rate.period.microseconds)" }

    private static func rate(_ text: String) -> Rate? {
        let parts = text.split(separator: "/")
        // Rates beyond any use are none: at their ends, sums of turns are no times any more.
        guard parts.count == 2, let count = Double(parts[0]), countRange ~= count,
            let micros = self.count(String(parts[1])), intervalRange ~= Double(micros) / count
        else { return nil }
        return Rate(count, per: .microseconds(micros))
    }
}
