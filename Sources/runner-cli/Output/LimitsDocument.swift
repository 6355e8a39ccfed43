import Runner

/// Limits that a run was asked for while it goes on; the JSON is a contract (docs/CLI.md). Those that
/// were not asked for are missing.
struct LimitsDocument: Encodable {
    private let change: LimitChange

    init(_ change: LimitChange) { self.change = change }

    private enum CodingKeys: String, CodingKey {
        case workers, rate
        case hostRate = "host_rate"
        case delaySeconds = "delay_s"
        case perHost = "per_host"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(change.workers, forKey: .workers)
        try container.encodeIfPresent(change.rate.map(Self.text), forKey: .rate)
        try container.encodeIfPresent(change.hostRate.map(Self.text), forKey: .hostRate)
        try container.encodeIfPresent(
            change.delay.map { $0.value?.seconds ?? 0 }, forKey: .delaySeconds)
        try container.encodeIfPresent(change.perHost.map { $0.value ?? 0 }, forKey: .perHost)
    }

    /// The limits as options of the command line.
    var text: String {
        [
            change.workers.map { "--workers \($0)" },
            change.rate.map { "--rate \(Self.text($0))" },
            change.hostRate.map { "--host-rate \(Self.text($0))" },
            change.delay.map { bound in
                "--delay \(bound.value.map { Self.text($0.seconds) } ?? Lifted.word)"
            },
            change.perHost.map { "--per-host \($0.value ?? 0)" },
        ].compactMap(\.self).joined(separator: " ")
    }

    private static func text(_ bound: LimitChange.Bound<Rate>) -> String {
        bound.value.map { text($0) } ?? Lifted.word
    }

    static func text(_ rate: Rate) -> String { "\(text(rate.count))/\(unit(of: rate))" }

    private static func unit(of rate: Rate) -> String {
        switch rate.period {
        case .seconds(1): "s"
        case .seconds(60): "m"
        case .seconds(3600): "h"
        case .seconds(86_400): "d"
        // No option says so, but another program may have asked for it.
        default: "\(text(rate.period.seconds)) s"
        }
    }

    /// The number without a fraction where it has none.
    private static func text(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? "\(number)"
    }
}
