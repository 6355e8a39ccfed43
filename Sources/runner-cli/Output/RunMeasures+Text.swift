import JobStore
import Runner

extension RunMeasures {
    /// The lines of `status`.
    var lines: [String] { [requestsLine] + timeLines }

    /// The lines on times that a run ends with, too.
    var timeLines: [String] {
        var lines = [Self.columns(["", "median", "90 %", "99 %", "most"])]
        let rows = [
            ("first byte", firstByte), ("connecting", connect), ("TLS", tls), ("whole", whole),
        ]
        lines += rows.compactMap { name, times in times.map { Self.row(name, $0) } }
        if let line = workersLine { lines.append(line) }
        if slowestHosts.count > 1 {
            lines.append("slowest hosts, whole")
            lines += slowestHosts.prefix(Self.shownHostsMax).map { Self.row($0.name, $0.whole) }
        }
        return lines
    }

    /// The most hosts that the text tells of.
    private static let shownHostsMax = 5

    var requestsLine: String {
        let parts = [
            "requests: \(Format.count(requests.made))", "\(Format.count(requests.retried)) retried",
            "\(Format.count(requests.refused)) refused (429, 503)",
            "\(Format.count(requests.redirects)) redirects",
            "\(Format.bytes(requests.receivedBytes)) received",
        ]
        return parts.joined(separator: ", ")
    }

    /// The validators that were to be kept, and are not; `nil` when there are none.
    var validatorsLine: String? {
        guard let leftOut = requests.entityTagsLeftOut, leftOut > 0 else { return nil }
        return
            "validators: \(Format.count(leftOut)) ETags not kept: malformed, several, or longer than \(Validators.entityTagBytesMax) bytes"
    }

    private var workersLine: String? {
        let told = RecentCourse.percents(RecentCourse.shares(workerTime))
        guard !told.isEmpty else { return nil }
        return "workers: " + told.map { "\($0.percent) % \($0.name)" }.joined(separator: ", ")
    }

    private static func row(_ name: String, _ times: Times) -> String {
        let durations = [times.p50, times.p90, times.p99, times.max]
        return columns([Terminal.escaped(name)] + durations.map(Format.precise))
    }

    /// A line of a name and figures, which are aligned unless the name is long.
    private static func columns(_ parts: [String]) -> String {
        let name = parts[0] + String(repeating: " ", count: max(0, 16 - parts[0].count))
        let figures = parts.dropFirst().map {
            String(repeating: " ", count: max(1, 11 - $0.count)) + $0
        }
        return "  " + name + figures.joined()
    }
}
