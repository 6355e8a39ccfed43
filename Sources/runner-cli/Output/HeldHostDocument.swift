import JobStore

/// A host that is held back or paced, in `status`; the JSON is a contract (docs/CLI.md).
struct HeldHostDocument: Encodable {
    private let host: String
    private let wait: Duration
    private let requestsPerSecond: Double?

    init(_ pace: HostPace) {
        host = pace.host
        wait = pace.wait
        requestsPerSecond = pace.requestsPerSecond
    }

    private enum CodingKeys: String, CodingKey {
        case host
        case wait = "held_s"
        case requestsPerSecond = "requests_per_s"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(host, forKey: .host)
        try container.encode((wait.seconds * 10).rounded() / 10, forKey: .wait)
        try container.encode(
            requestsPerSecond.map { ($0 * 100).rounded() / 100 }, forKey: .requestsPerSecond)
    }

    /// The host and its pace in one line.
    var line: String {
        let parts = [
            wait > .zero ? "held back for \(Format.duration(wait))" : nil,
            requestsPerSecond.map { "takes \(Self.text(rate: $0))" },
        ]
        return "  \(Terminal.escaped(host)): \(parts.compactMap(\.self).joined(separator: ", "))"
    }

    /// A rate by the second, minute or hour, so that it is a number of some digits.
    private static func text(rate: Double) -> String {
        let units = [("s", 1.0), ("m", 60), ("h", 3600)]
        let unit = units.first { rate * $0.1 >= 1 } ?? units[2]
        return "\(Format.decimal(min(rate * unit.1, 1e9)))/\(unit.0)"
    }
}
