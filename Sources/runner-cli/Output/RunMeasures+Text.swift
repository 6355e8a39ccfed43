import Runner

extension RunMeasures {
    /// The lines that a run ends with.
    var lines: [String] {
        var lines = [requestsLine, Self.columns(["", "median", "90 %", "99 %", "most"])]
        let rows = [
            ("first byte", firstByte), ("connecting", connect), ("TLS", tls), ("whole", whole),
        ]
        lines += rows.compactMap { name, times in times.map { Self.row(name, $0) } }
        if let line = workersLine { lines.append(line) }
        if slowestHosts.count > 1 {
            lines.append("slowest hosts, whole")
            lines += slowestHosts.map { Self.row($0.name, $0.whole) }
        }
        return lines
    }

    private var requestsLine: String {
        let parts = [
            "requests: \(Format.count(requests.made))", "\(Format.count(requests.retried)) retried",
            "\(Format.count(requests.refused)) refused (429, 503)",
            "\(Format.count(requests.redirects)) redirects",
            "\(Self.bytes(requests.receivedBytes)) received",
        ]
        return parts.joined(separator: ", ")
    }

    private static func bytes(_ count: Int) -> String {
        count < 10 << 20 ? "\(Format.count((count + 1023) >> 10)) KB" : Format.megabytes(count)
    }

    private var workersLine: String? {
        let time = workerTime
        let parts = [
            ("waiting for servers", time.server), ("connecting", time.connecting),
            ("looking names up", time.resolving), ("held back", time.held),
            ("waiting for the queue", time.queue), ("waiting for the disk", time.disk),
            ("without a job", time.idle),
        ]
        let all = parts.reduce(0) { $0 + $1.1.seconds }
        guard all > 0 else { return nil }
        let shares = parts.map { (name: $0.0, percent: Int(($0.1.seconds * 100 / all).rounded())) }
        let told = shares.filter { $0.percent > 0 }.sorted { $0.percent > $1.percent }
        return "workers: " + told.map { "\($0.percent) % \($0.name)" }.joined(separator: ", ")
    }

    private static func row(_ name: String, _ times: Times) -> String {
        let durations = [times.p50, times.p90, times.p99, times.max]
        return columns([Terminal.escaped(name)] + durations.map { text($0) })
    }

    /// A line of a name and figures, which are aligned unless the name is long.
    private static func columns(_ parts: [String]) -> String {
        let name = parts[0] + String(repeating: " ", count: max(0, 16 - parts[0].count))
        let figures = parts.dropFirst().map {
            String(repeating: " ", count: max(1, 11 - $0.count)) + $0
        }
        return "  " + name + figures.joined()
    }

    /// A duration with three digits or so: `2.31 s`, `45.2 ms`, `0.12 ms`.
    private static func text(_ duration: Duration) -> String {
        let millis = duration.seconds * 1000
        if millis >= 59_950 { return Format.duration(duration) }
        let (number, unit) = millis >= 1000 ? (millis / 1000, "s") : (millis, "ms")
        return "\(digits(number)) \(unit)"
    }

    private static func digits(_ number: Double) -> String {
        if number >= 99.5 { return "\(Int(number.rounded()))" }
        if number >= 9.95 { return Format.decimal(number) }
        let hundredths = Int((number * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
