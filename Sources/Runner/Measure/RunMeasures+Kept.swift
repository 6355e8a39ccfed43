internal import JobStore

/// Measurements as a runner reports them in the queue, for `status` to read: a flat JSON object of
/// whole numbers, times in µs. Hosts are left out.
extension RunMeasures {
    /// The measurements as text of some 600 bytes.
    public var kept: String {
        var parts = [
            ("made", requests.made), ("retried", requests.retried), ("refused", requests.refused),
            ("redirects", requests.redirects), ("bytes", requests.receivedBytes),
        ]
        for (name, times) in [
            ("ttfb", firstByte), ("connect", connect), ("tls", tls), ("whole", whole),
        ] {
            guard let times else { continue }
            parts.append(("\(name)_count", times.count))
            let durations = [times.p50, times.p90, times.p99, times.max].map(\.microseconds)
            parts += zip(Self.timeNames, durations).map { ("\(name)_\($0)", $1) }
        }
        let time = workerTime
        let workers = [
            time.server, time.connecting, time.resolving, time.held, time.queue, time.disk,
            time.idle,
        ]
        parts += zip(Self.workerNames, workers).map { ("\($0)_us", $1.microseconds) }
        return "{" + parts.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    /// Reads what `kept` gave; `nil` for any other text.
    public init?(kept text: String) {
        guard let numbers = Self.numbers(in: text) else { return nil }
        func number(_ name: String) -> Int { numbers[name] ?? 0 }
        var requests = Requests()
        (requests.made, requests.retried) = (number("made"), number("retried"))
        (requests.refused, requests.redirects) = (number("refused"), number("redirects"))
        requests.receivedBytes = number("bytes")
        self.requests = requests
        func times(_ name: String) -> Times? {
            let count = number("\(name)_count")
            guard count > 0 else { return nil }
            return Times(count: count, micros: Self.timeNames.map { number("\(name)_\($0)") })
        }
        (firstByte, connect) = (times("ttfb"), times("connect"))
        (tls, whole) = (times("tls"), times("whole"))
        let workers = Self.workerNames.map { Duration.microseconds(number("\($0)_us")) }
        workerTime = WorkerTime(
            server: workers[0], connecting: workers[1], resolving: workers[2], held: workers[3],
            queue: workers[4], disk: workers[5], idle: workers[6])
        slowestHosts = []
    }

    private static let timeNames = ["p50_us", "p90_us", "p99_us", "max_us"]
    private static let workerNames = [
        "server", "connecting", "resolving", "held", "queue", "disk", "idle",
    ]
    /// Larger numbers are none that a run counted: sums of them must fit.
    private static let numberMax = 1 << 56

    private static func numbers(in text: String) -> [String: Int]? {
        guard text.first == "{", text.last == "}", text.count > 2 else { return nil }
        var numbers: [String: Int] = [:]
        for part in text.dropFirst().dropLast().split(separator: ",") {
            let pair = part.split(separator: ":")
            guard pair.count == 2, pair[0].first == "\"", pair[0].last == "\"", pair[0].count > 2,
                let number = Int(pair[1]), 0...numberMax ~= number
            else { return nil }
            numbers[String(pair[0].dropFirst().dropLast())] = number
        }
        return numbers
    }
}
