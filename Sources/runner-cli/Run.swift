import ArgumentParser
import Glibc
import JobStore
import Runner

struct Run: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch what is queued; resume where the last run stopped.",
        discussion: """
            Ends when every job is completed or failed. Ctrl-C (or SIGTERM) finishes the
            requests in flight and stops; a second one stops at once. Either way, and
            after kill -9, the next run resumes.

            A response of 2xx completes a job. 408, 425, 429, 5xx and network failures
            are tried again, with growing random waits and Retry-After honoured; other
            answers fail at once.

            Bodies are dropped unless --output names a folder. Then each completed job
            has exactly one record there, whatever was killed; later runs need not name
            it again.

            EXAMPLES
              runner run --workers 1000
              runner run --output responses --format jsonl.gz
              runner run -w 200 --retries 5 --max-time 20 --queue pages.db
            """)

    @OptionGroup var queue: QueueOptions
    @OptionGroup(title: "Output") var sinkOptions: SinkOptions
    @OptionGroup(title: "Requests") var requests: RequestOptions

    @Option(name: .shortAndLong, parsing: .unconditional, help: "Requests in flight at once.")
    var workers = 100

    @Option(parsing: .unconditional, help: "Attempts after a job's first.")
    var retries = 3

    @Option(
        help: ArgumentHelp(
            "How long a first Ctrl-C lets requests in flight finish.", valueName: "seconds"))
    var grace = Seconds(30)

    @Option(
        name: .customLong("max-stall"),
        help: ArgumentHelp(
            "Stop when the host was out of reach for so long.", valueName: "seconds"))
    var maxStall = Seconds(900)

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress.")
    var quiet = false

    func validate() throws {
        guard workers >= 1 else {
            throw ValidationError(
                "--workers is \(workers); a run needs at least 1, for example --workers 100")
        }
        guard (0...254).contains(retries) else {
            throw ValidationError("--retries is \(retries); give a number from 0 to 254")
        }
    }

    func execute() async throws -> ExitStatus {
        let store = try SQLiteQueue(path: queue.path, access: .write)
        let stop = StopSwitch()
        do {
            let options = options(attached: try await store.output())
            let crawl = try Crawl(queue: store, options: options, stop: stop)
            let attachment = try await store.attach(
                RunnerDescription(pid: Int(getpid()), workers: workers))
            let view = ProgressView(queue: queue.path, isQuiet: quiet)
            let sink = try await openSink(attachment, in: store, for: options)
            view.start(attachment)
            for note in sink?.notes ?? [] { view.note(note) }
            if let warning = MachineLimits.portWarning(workers: workers) { view.note(warning) }
            Signals.onStop { [grace] in
                let isSecond = stop.isRequested
                stop.request()  // before a word: nobody may be reading what we say
                view.note(
                    isSecond
                        ? "stopping now"
                        : "finishing the requests in flight, for \(grace) at most; once more to stop now"
                )
            }
            let begin = ContinuousClock.now
            let ending: Crawl.Ending
            do {
                ending = try await crawl.run(
                    attachment, to: sink, every: view.interval,
                    observe: quiet ? nil : { @Sendable in view.show($0) })
            } catch let error as SinkError {
                view.end()
                // The queue is well: nobody need wonder whether a run still holds it.
                try? await store.detach()
                throw error
            }
            let elapsed = ContinuousClock.now - begin
            try await store.detach()
            let counts = try await store.counts()
            await store.close()
            view.end()
            let report = RunReport(
                ending: ending, counts: counts, before: attachment.counts, elapsed: elapsed)
            try Terminal.output(json ? try JSON.text(report) : report.text)
            return report.status
        } catch {
            await store.close()
            throw error
        }
    }

    private func openSink(
        _ attachment: Attachment, in store: SQLiteQueue, for options: CrawlOptions
    ) async throws -> Sink? {
        do {
            return try await Sink.open(
                sinkOptions.outputOptions, for: attachment, in: store, options)
        } catch let error as SinkError {
            try await store.detach()
            throw error
        }
    }

    private func options(attached output: QueueOutput) -> CrawlOptions {
        var options = CrawlOptions()
        options.workers = workers
        options.retries = retries
        options.grace = grace.duration
        options.maxStall = maxStall.duration
        options.fetch = requests.fetchOptions
        let folder = sinkOptions.output ?? output.settings?.folder
        options.diskReserve = sinkOptions.diskReserve(
            in: [queue.folder] + (folder.map { [$0] } ?? []))
        return options
    }
}

/// How a run ended.
struct RunReport: Encodable {
    let status: ExitStatus
    let elapsed: Duration
    let finished: Int
    let counts: QueueCounts
    /// The folder whose disk has too little room left; `nil` when none stopped the run.
    let fullFolder: String?

    init(ending: Crawl.Ending, counts: QueueCounts, before: QueueCounts, elapsed: Duration) {
        self.counts = counts
        self.elapsed = elapsed
        finished = counts.completed + counts.failed - before.completed - before.failed
        status =
            switch ending {
            case _ where counts.left == 0: counts.failed > 0 ? .someFailed : .done
            case .finished, .stopped: .stopped
            case .stalled, .diskReserve: .limit
            }
        if case .diskReserve(let folder) = ending { fullFolder = folder } else { fullFolder = nil }
    }

    private enum CodingKeys: String, CodingKey {
        case ending, jobs, outcomes
        case finished
        case elapsedSeconds = "elapsed_s"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(ending, forKey: .ending)
        try container.encode(finished, forKey: .finished)
        try container.encode(elapsed.seconds, forKey: .elapsedSeconds)
        try container.encode(JobsDocument(counts), forKey: .jobs)
        try container.encode(counts.outcomes.map(OutcomeDocument.init), forKey: .outcomes)
    }

    private var ending: String {
        switch status {
        case .stopped: "stopped"
        case .limit: fullFolder == nil ? "stalled" : "disk_reserve"
        default: "finished"
        }
    }

    var text: String {
        let rate = Format.count(Int(Double(finished) / max(elapsed.seconds, 0.001)))
        let done =
            "\(ending): \(Format.count(finished)) jobs in \(Format.duration(elapsed)) (\(rate)/s)"
        let all =
            "\(Format.count(counts.completed)) completed, \(Format.count(counts.failed)) failed of \(Format.count(counts.total))"
        let left = counts.left > 0 ? "; \(Format.count(counts.left)) left: \(cure)" : ""
        return "\(done); \(all)\(left)"
    }

    private var cure: String {
        fullFolder.map {
            "the disk of \($0) has less room than --min-free-disk, make some and run again"
        } ?? "run again to resume"
    }
}
