internal import JobStore
internal import Runner

/// The state of a queue as JSON, for the page. Pure.
enum StateDocument {
    /// The latest events in a document: more than happen between two of them, as a rule. All are in
    /// the first one that a page gets.
    static let eventsMax = 20

    /// - Parameter isFirst: Whether all events are told.
    static func text(
        _ state: RunMonitor.State, _ facts: QueueFacts, title: String, version: String,
        isFirst: Bool = false
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 8192)
        writer.object { writer in
            writer.member("queue", title)
            writer.member("version", version)
            writer.member("state", facts.state.rawValue)
            writer.member("paused", facts.isPaused)
            writer.member("pid", facts.pid)
            writer.member("started_at_us", facts.startedAtMicros)
            writer.member("can_drain", facts.canDrain && facts.state != .stopping)
            writer.member("unreadable", facts.trouble)
            writer.member("queue_option", facts.queueOption)
            if let sample = state.latest {
                write(sample, state, &writer)
                write(sample.figures, isRun: facts.pid != nil, &writer)
            }
            writer.name("events")
            writer.array(state.events.suffix(isFirst ? .max : eventsMax)) { write($1, &$0) }
            writer.member("failure_count", state.failures.count)
            writer.member("last_failure_us", state.failures.last?.endedAtMicros)
            writer.member("retry_period_s", QueueFacts.retryPeriodSeconds)
            writer.name("retries_due")
            writer.array(facts.retriesDue)
            if let output = facts.output { write(output, &writer) }
        }
        return writer.bytes
    }

    private static func write(
        _ sample: RunSample, _ state: RunMonitor.State, _ writer: inout JSONWriter
    ) {
        let counts = sample.counts
        writer.member("at_us", sample.takenAtMicros)
        writer.name("jobs")
        writer.object { writer in
            writer.member("total", counts.total)
            writer.member("available", counts.available)
            writer.member("running", counts.running)
            writer.member("retrying", counts.retrying)
            writer.member("completed", counts.completed)
            writer.member("failed", counts.failed)
            writer.member("cancelled", counts.cancelled)
        }
        writer.name("outcomes")
        writer.array(counts.outcomes.filter { $0.state != .cancelled }) { writer, group in
            writer.object { writer in
                writer.member("outcome", group.label)
                writer.member("state", group.state.rawValue)
                writer.member("count", group.count)
            }
        }
        if let left = TimeLeft(of: sample, lastMinute: state.history.seconds.suffix(60)) {
            writer.name("left_s")
            writer.array([left.from, left.to]) { $0.value($1) }
        }
        if let point = state.history.seconds.last {
            writer.name("point")
            HistoryDocument.write(point, &writer)
        }
    }

    private static func write(
        _ figures: RunFigures, isRun: Bool, _ writer: inout JSONWriter
    ) {
        // What the last run counted last says nothing of a queue that nobody runs.
        guard isRun else { return }
        writer.name("run")
        writer.object { writer in
            writer.member("elapsed_us", figures.elapsedMicros)
            writer.member("rate_now", figures.rateNow)
            writer.member("rate_average", figures.rateAverage)
            writer.member("in_flight", figures.inFlight)
            writer.member("workers", figures.workers)
            writer.member("workers_max", figures.workersMax)
            writer.member("rate_max", figures.requestsPerSecondMax)
            writer.member("resident_bytes", figures.residentBytes)
            writer.member("cpu_us", figures.cpuMicros)
            writer.member("paused_us", figures.pausedMicros)
            writer.member("waiting_until_us", figures.waitingUntilMicros)
            writer.member("host_count", figures.hostCount)
            let requests = figures.measures.requests
            writer.member("requests", requests.made)
            writer.member("retried", requests.retried)
            writer.member("refused", requests.refused)
            writer.member("received_bytes", requests.receivedBytes)
            write("recent", figures.recent, &writer)
            write("whole", figures.measures.whole, &writer)
            write("commits", figures.commits, &writer)
            write(figures.measures.workerTime, &writer)
            writer.name("attempts")
            writer.array(figures.attempts.prefix(30)) { writer, attempts in
                writer.object { writer in
                    writer.member("outcome", attempts.outcome)
                    writer.member("state", attempts.state)
                    writer.member("count", attempts.count)
                }
            }
            writer.name("hosts")
            writer.array(figures.hosts) { write($1, &$0) }
            writer.name("troubles")
            writer.array(figures.troubles) { $0.value($1.sentence) }
            writer.member("trouble_count", figures.troubleCount)
            if let followed = figures.followed { write(followed, &writer) }
        }
    }

    private static func write(_ followed: FollowFigures, _ writer: inout JSONWriter) {
        writer.name("followed")
        writer.object { writer in
            writer.member("added", followed.added)
            writer.member("known", followed.known)
            writer.member("depth", followed.depth)
            writer.name("left_out")
            writer.array(FollowCut.allCases.filter { followed.cut[$0] ?? 0 > 0 }) { writer, cut in
                writer.object { writer in
                    writer.member("reason", cut.rawValue)
                    writer.member("count", followed.cut[cut])
                }
            }
        }
    }

    private static func write(_ time: RunMeasures.WorkerTime, _ writer: inout JSONWriter) {
        writer.name("time")
        writer.object { writer in
            writer.member("server", time.server.microseconds)
            writer.member("connecting", time.connecting.microseconds)
            writer.member("resolving", time.resolving.microseconds)
            writer.member("held", time.held.microseconds)
            writer.member("queue", time.queue.microseconds)
            writer.member("disk", time.disk.microseconds)
            writer.member("idle", time.idle.microseconds)
        }
    }

    private static func write(
        _ name: StaticString, _ times: RunMeasures.Times?, _ writer: inout JSONWriter
    ) {
        guard let times else { return }
        writer.name(name)
        writer.object { writer in
            writer.member("count", times.count)
            writer.member("p50_us", times.p50.microseconds)
            writer.member("p90_us", times.p90.microseconds)
            writer.member("p99_us", times.p99.microseconds)
            writer.member("max_us", times.max.microseconds)
        }
    }

    private static func write(_ host: HostFigures, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("host", host.name)
            writer.member("state", host.state.rawValue)
            writer.member("message", host.message)
            writer.member("until_us", host.untilMicros)
            writer.member("rate_max", host.perSecondMax)
            writer.member("rate", host.rate)
            writer.member("in_flight", host.inFlight)
            writer.member("waiting", host.waiting)
            writer.member("attempts", host.attempts)
            writer.member("failures", host.failures)
            writer.member("p50_us", host.whole?.p50.microseconds)
            writer.member("p99_us", host.whole?.p99.microseconds)
        }
    }

    private static func write(_ event: RunEvent, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("number", event.number)
            writer.member("at_us", event.atMicros)
            writer.member("level", event.level.rawValue)
            writer.member("text", event.text)
        }
    }

    private static func write(_ output: QueueFacts.Output, _ writer: inout JSONWriter) {
        writer.name("output")
        writer.object { writer in
            writer.member("folder", output.folder)
            writer.member("format", output.format)
            writer.member("folder_count", output.folderCount)
            writer.member("file_count", output.fileCount)
            writer.member("records", output.records)
            writer.member("bytes", output.bytes)
            writer.member("free_bytes", output.freeBytes)
            writer.member("keeps_failures", output.keepsFailures)
            writer.name("files")
            writer.array(output.files) { writer, file in
                writer.object { writer in
                    writer.member("name", file.name)
                    writer.member("records", file.records)
                    writer.member("bytes", file.bytes)
                    writer.member("sealed", file.isSealed)
                }
            }
        }
    }
}
