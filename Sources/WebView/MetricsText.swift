internal import JobStore
internal import Runner

/// The figures of queues in the text format of Prometheus. No label holds a URL or a host: what may
/// be read without a token, and a label's values must be few.
///
/// - SeeAlso: <https://prometheus.io/docs/instrumenting/exposition_formats/>
public struct MetricsText {
    private var text = ""
    private let queues: [(title: String, state: RunSample?, facts: QueueFacts)]
    /// Whether there are several queues, which a label tells apart.
    private let areMany: Bool

    /// - Parameters:
    ///   - version: The version of the program.
    ///   - isOwnProcess: Whether the figures of memory and CPU are those of this process.
    /// - Returns: The text, with a line break at the end.
    public static func text(
        of queues: [any WatchedQueue], version: String, isOwnProcess: Bool
    ) -> String {
        var metrics = MetricsText(queues)
        metrics.write(version: version, isOwnProcess: isOwnProcess)
        return metrics.text
    }

    private init(_ queues: [any WatchedQueue]) {
        self.queues = queues.map { ($0.title, $0.monitor.read(\.latest), $0.facts) }
        areMany = queues.count > 1
    }

    private mutating func write(version: String, isOwnProcess: Bool) {
        begin("runner_build_info", "gauge", "The program; always 1.")
        line("runner_build_info", [("version", version)], 1)
        writeQueues()
        writeRuns()
        writeDurations()
        if isOwnProcess { writeProcess() }
    }

    private mutating func writeQueues() {
        begin("runner_run_state", "gauge", "1 for the state that the queue is in.")
        each { metrics, queue, label in
            for state in QueueFacts.State.allCases {
                metrics.line(
                    "runner_run_state", label + [("state", state.rawValue)],
                    queue.facts.state == state ? 1 : 0)
            }
        }
        begin("runner_paused", "gauge", "Whether people have held the queue back.")
        each { $0.line("runner_paused", $2, $1.facts.isPaused ? 1 : 0) }
        begin("runner_jobs", "gauge", "Jobs of the queue by state, as committed.")
        each { metrics, queue, label in
            guard let counts = queue.state?.counts else { return }
            for (state, count) in [
                ("available", counts.available), ("running", counts.running),
                ("retrying", counts.retrying), ("completed", counts.completed),
                ("failed", counts.failed), ("cancelled", counts.cancelled),
            ] {
                metrics.line("runner_jobs", label + [("state", state)], Double(count))
            }
        }
        writeOutput()
    }

    private mutating func writeOutput() {
        begin("runner_output_bytes", "gauge", "Bytes of the output's files that count.")
        each { metrics, queue, label in
            guard let output = queue.facts.output else { return }
            metrics.line("runner_output_bytes", label, Double(output.bytes))
        }
        begin("runner_output_records", "gauge", "Records in the output's files.")
        each { metrics, queue, label in
            guard let output = queue.facts.output else { return }
            metrics.line("runner_output_records", label, Double(output.records))
        }
        begin("runner_output_disk_free_bytes", "gauge", "Room left on the disk of the output.")
        each { metrics, queue, label in
            guard let free = queue.facts.output?.freeBytes else { return }
            metrics.line("runner_output_disk_free_bytes", label, Double(free))
        }
    }

    private mutating func writeRuns() {
        begin(
            "runner_run_start_time_seconds", "gauge", "When the run started, since the Unix epoch.")
        each { metrics, queue, label in
            guard let start = queue.facts.startedAtMicros else { return }
            metrics.line("runner_run_start_time_seconds", label, Double(start) / 1e6)
        }
        begin(
            "runner_attempts_total", "counter",
            "Attempts of this run that are committed, by outcome and what becomes of the job.")
        eachRun { metrics, figures, label in
            // A server may invent statuses without end.
            let (shown, rest) = (figures.attempts.prefix(50), figures.attempts.dropFirst(50))
            for attempts in shown {
                metrics.line(
                    "runner_attempts_total",
                    label + [("outcome", attempts.outcome), ("result", attempts.state)],
                    Double(attempts.count))
            }
            for state in Outcome.State.allCases {
                let count = rest.reduce(0) { $0 + ($1.state == state.rawValue ? $1.count : 0) }
                guard count > 0 else { continue }
                metrics.line(
                    "runner_attempts_total",
                    label + [("outcome", "further"), ("result", state.rawValue)], Double(count))
            }
        }
        number("runner_requests_total", "counter", "Requests sent, redirects included.") {
            Double($0.measures.requests.made)
        }
        number("runner_refused_total", "counter", "Answers of 429 and 503.") {
            Double($0.measures.requests.refused)
        }
        number("runner_received_bytes_total", "counter", "Bytes received, heads included.") {
            Double($0.measures.requests.receivedBytes)
        }
        number("runner_workers", "gauge", "The most requests that may be in flight at once.") {
            Double($0.workers)
        }
        number("runner_in_flight_requests", "gauge", "Requests on the wire.") {
            Double($0.inFlight)
        }
        writeFollowed()
        number("runner_unreachable_hosts", "gauge", "Hosts that are out of reach.") {
            Double($0.troubleCount)
        }
        number("runner_hosts", "gauge", "Hosts that the run has jobs of at present.") {
            Double($0.hostCount)
        }
        begin(
            "runner_worker_seconds_total", "counter",
            "Time of all workers by what they waited for.")
        eachRun { metrics, figures, label in
            let time = figures.measures.workerTime
            for (phase, duration) in [
                ("server", time.server), ("connecting", time.connecting),
                ("resolving", time.resolving), ("held", time.held), ("queue", time.queue),
                ("disk", time.disk), ("idle", time.idle),
            ] {
                metrics.line(
                    "runner_worker_seconds_total", label + [("phase", phase)],
                    Double(duration.microseconds) / 1e6)
            }
        }
    }

    /// The requests that responses led to; no lines where nothing is followed.
    private mutating func writeFollowed() {
        begin(
            "runner_found_requests_total", "counter",
            "Requests that responses of this run led to, by what became of them.")
        eachRun { metrics, figures, label in
            guard let followed = figures.followed else { return }
            let results =
                [("added", followed.added), ("known", followed.known)]
                + FollowCut.allCases.map { ($0.rawValue, followed.cut[$0] ?? 0) }
            for (result, count) in results {
                metrics.line(
                    "runner_found_requests_total", label + [("result", result)], Double(count))
            }
        }
        begin(
            "runner_found_depth", "gauge", "Steps from what was enqueued to the farthest response.")
        eachRun { metrics, figures, label in
            guard let followed = figures.followed else { return }
            metrics.line("runner_found_depth", label, Double(followed.depth))
        }
    }

    private mutating func writeDurations() {
        histogram(
            "runner_attempt_duration_seconds",
            "Time from the start of an attempt to the end of its body, redirects included."
        ) { $0.durations }
        histogram(
            "runner_commit_duration_seconds", "Time of a commit, the output's sync included."
        ) { $0.commitDurations }
    }

    private mutating func writeProcess() {
        number(
            "process_resident_memory_bytes", "gauge", "Resident memory size in bytes."
        ) { Double($0.residentBytes) }
        number(
            "process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds."
        ) { Double($0.cpuMicros) / 1e6 }
    }

    // MARK: - Lines

    private typealias Labels = [(name: String, value: String)]

    private mutating func begin(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: Double) {
        let list = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
            .joined(separator: ",")
        let number = Int(exactly: value).map(String.init) ?? "\(value)"
        text += list.isEmpty ? "\(name) \(number)\n" : "\(name){\(list)} \(number)\n"
    }

    private mutating func each(
        _ body: (
            inout MetricsText, (title: String, state: RunSample?, facts: QueueFacts), Labels
        ) -> Void
    ) {
        for queue in queues { body(&self, queue, areMany ? [("queue", queue.title)] : []) }
    }

    /// Calls `body` for each queue that somebody runs.
    private mutating func eachRun(_ body: (inout MetricsText, RunFigures, Labels) -> Void) {
        each { metrics, queue, label in
            guard queue.facts.pid != nil, let figures = queue.state?.figures else { return }
            body(&metrics, figures, label)
        }
    }

    private mutating func number(
        _ name: String, _ type: String, _ help: String, _ value: (RunFigures) -> Double
    ) {
        begin(name, type, help)
        eachRun { $0.line(name, $2, value($1)) }
    }

    private mutating func histogram(
        _ name: String, _ help: String, _ sizes: (RunFigures) -> DurationSizes
    ) {
        begin(name, "histogram", help)
        eachRun { metrics, figures, label in
            let sizes = sizes(figures)
            var sum = 0
            for (end, count) in zip(DurationSizes.ends, sizes.counts) {
                sum += count
                metrics.line(
                    name + "_bucket", label + [("le", "\(Double(end) / 1e6)")], Double(sum))
            }
            sum += sizes.counts.last ?? 0
            metrics.line(name + "_bucket", label + [("le", "+Inf")], Double(sum))
            metrics.line(name + "_sum", label, Double(sizes.sumMicros) / 1e6)
            metrics.line(name + "_count", label, Double(sum))
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
            "\n", with: "\\n")
    }
}
