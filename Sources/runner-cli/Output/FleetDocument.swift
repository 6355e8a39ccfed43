import JobStore

/// The runs of a queue that several work on at a time; the JSON is a contract (docs/CLI.md).
struct FleetDocument: Encodable {
    private let runs: [Member]
    private let left: Int

    private struct Member: Encodable {
        let pid: Int
        let host: String
        let workers: Int
        let requestsPerSecond: Double
        let startedAt: String
        let trouble: String?

        private enum CodingKeys: String, CodingKey {
            case pid, host, workers, trouble
            case requestsPerSecond = "requests_per_s"
            case startedAt = "started_at"
        }
    }

    /// The most runs that the text tells of.
    private static let shownMax = 10

    /// - Returns: `nil` where there is one run, or none.
    init?(_ counts: QueueCounts, isPaused: Bool) {
        guard counts.runs.count > 1 else { return nil }
        left = counts.left
        runs = counts.runs.map { run in
            Member(
                pid: run.pid, host: run.host, workers: run.workers,
                requestsPerSecond: isPaused ? 0 : (run.requestsPerSecond * 10).rounded() / 10,
                startedAt: Timestamp.text(run.startedAtMicros), trouble: run.trouble)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(runs)
    }

    /// A line for all runs, and one for each of the latest.
    var lines: [String] {
        let rate = runs.reduce(0) { $0 + $1.requestsPerSecond }
        let time =
            rate > 0
            ? "about \(Format.duration(.seconds(min(Double(left) / rate, 1e18)))) left"
            : "no estimate yet"
        let workers = Format.count(runs.reduce(0) { $0 + $1.workers })
        let first =
            "running: \(Format.count(runs.count)) runs, \(workers) workers, \(Format.count(Int(rate)))/s, \(time)"
        let shown = runs.prefix(Self.shownMax).map { run in
            "  process \(run.pid) on \(Terminal.escaped(run.host)), \(Format.count(run.workers)) workers, \(Format.count(Int(run.requestsPerSecond)))/s"
                + (run.trouble.map { ", paused: \(Terminal.escaped($0))" } ?? "")
        }
        let more = runs.count - shown.count
        return [first] + shown + (more > 0 ? ["  and \(Format.count(more)) more"] : [])
    }
}
