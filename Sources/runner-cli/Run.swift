import ArgumentParser
import Glibc
import JobStore
import Runner
import Stores

struct Run: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch what is queued; resume where the last run stopped.",
        discussion: """
            Ends when every job is completed or failed. Ctrl-C (or SIGTERM) finishes the
            requests in flight and stops; a second one stops at once. Either way, and
            after kill -9, the next run resumes.

            A response of 2xx completes a job. 408, 425, 429, 5xx and network failures
            are tried again, with growing random waits and Retry-After honoured; other
            answers fail at once. --complete-on, --retry-on and --fail-on change that, for
            later runs, too.

            Bodies are dropped unless --output names a folder. Then each completed job
            has exactly one record there, whatever was killed; later runs need not name
            it again.

            EXAMPLES
              runner run --workers 1000
              runner run --output responses --format jsonl.gz
              runner run -w 200 --retries 5 --max-time 20 --queue pages.db
              runner run --complete-on 404 --retry-on 'body~try again later'
            """)

    private static let standard = CrawlOptions()

    @OptionGroup var queue: QueueOptions
    @OptionGroup(title: "Output") var outputFlags: OutputFlags
    @OptionGroup(title: "Judging") var judging: JudgingFlags
    @OptionGroup(title: "Handling responses, and following what they lead to") var handling:
        HandlerFlags
    @OptionGroup(title: "Limits of this run") var limits: StopFlags
    @OptionGroup(title: "Requests") var requests: RequestOptions
    @OptionGroup(title: "Headers of this run, in place of those enqueued") var headers:
        HeaderOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup(title: "Politeness") var politeness: PolitenessFlags
    @OptionGroup(title: "Robots.txt") var robots: RobotsFlags
    @OptionGroup(title: "Web page and metrics") var web: WebFlags

    @Option(
        name: .customLong("metrics-file"),
        help: ArgumentHelp(
            "Write metrics to this file each 10 s, for node_exporter's textfile collector.",
            valueName: "file"))
    var metricsFile: String?

    @Flag(
        name: .customLong("keep-validators"),
        help: "Keep ETag and Last-Modified, for: enqueue --from-batch --changed.")
    var keepValidators = false

    @Option(name: .shortAndLong, parsing: .unconditional, help: "Requests in flight at once.")
    var workers = Self.standard.workers

    @Option(
        help: ArgumentHelp(
            "How long a first Ctrl-C lets requests in flight finish.", valueName: "seconds"))
    var grace = Seconds(Self.standard.grace)

    @Option(
        name: .customLong("max-stall"),
        help: ArgumentHelp(
            "Stop when the host was out of reach for so long.", valueName: "seconds"))
    var maxStall = Seconds(Self.standard.stallMax)

    @Option(
        help: ArgumentHelp(
            "Work on this batch alone, by ID or name, until it is done.", valueName: "batch"))
    var batch: BatchReference?

    @Flag(help: "Stay when the queue is empty, for jobs to come.")
    var follow = false

    @Option(
        name: .customLong("idle-exit"),
        help: ArgumentHelp(
            "Stay for this long when the queue is empty; m or h may follow.", valueName: "seconds"))
    var idleExit: Seconds?

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress.")
    var quiet = false

    @Option(
        name: .customLong("log-format"),
        help: ArgumentHelp(
            "Lines of a log instead of a live view: text, or json with an object a line.",
            valueName: "format"))
    var logFormat: LogFormat?

    func validate() throws {
        guard workers >= 1 else {
            throw ValidationError(
                "--workers is \(workers); a run needs at least 1, for example --workers \(Self.standard.workers)"
            )
        }
        _ = try headers.sources()
        _ = try robots.options(userAgent: headers.userAgent)
    }

    func execute() async throws -> ExitStatus {
        RunLog.use(logFormat ?? .text)
        let stop = StopSwitch()
        try queue.spare(metricsFile, option: "--metrics-file")
        let views = try await RunViews.start(
            web, metricsFile: metricsFile, of: queue, stop: stop)
        do {
            let status = try await run(stop, views?.page)
            await views?.end("the run has ended")
            return status
        } catch {
            await views?.end("the run has ended by an error")
            throw error
        }
    }

    private func run(_ stop: StopSwitch, _ page: RunPage?) async throws -> ExitStatus {
        let store = try openQueue(at: queue.location)
        do {
            let status = try await run(store, stop, page)
            await page?.disconnect()
            await store.close()
            return status
        } catch {
            await page?.disconnect()
            await store.close()
            throw error
        }
    }

    private func run(
        _ store: any JobQueue, _ stop: StopSwitch, _ page: RunPage?
    ) async throws -> ExitStatus {
        let proxies = try network.proxies.choice()
        var options = try options(attached: try await store.output(of: .only))
        options.fetch.proxies = proxies.rules
        let judged = try await judge(&options, in: store)
        let now = time(nil)
        options.limits = limits.limits(at: now)
        let only = try await batch?.summary(in: store)
        options.batch = only?.batch.id
        options.follow = try handling.followOptions()
        let before = try await store.counts(of: options.batch)
        let title = only.map { "\($0.title) of \(queue.path)" } ?? queue.path
        let monitor = page?.monitor ?? RunMonitor()
        let view = ProgressView(
            queue: title, isQuiet: quiet, mayDraw: logFormat == nil, monitor: monitor)
        let handler = try handling.makeHandler(agent: options.robots.agent) {
            view.note(Terminal.escaped($0))
        }
        let crawl = try Crawl(queue: store, options: options, stop: stop, handler: handler)
        let course = CourseKeeper(
            of: Int(getpid()), in: store, batch: only?.title, counts: before,
            settings: KeptCourse.settings(
                options, outputOptions, judging: judged.choice.text, proxies.sentences),
            monitor: monitor)
        let observer = RunObserver(
            view: view, page: page, monitor: monitor, course: course, store: store,
            queue: queue.path, stop: stop, workers: workers, grace: grace.duration, isQuiet: quiet,
            sentences: proxies.sentences
                + [
                    judged.note, limits.note(at: now),
                    try await rateSentence(options, in: store, runs: before.runs.count),
                    try await robots.sentence(for: store, only: only),
                    try await droppedResponses(in: store),
                    keptWithoutBodies(
                        try await store.output(of: .only),
                        hasHandler: handling.handler != nil),
                ].compactMap(\.self))
        page?.connect(store, batch: options.batch, title: title) { observer.toldToDrain() }
        let begin = ContinuousClock.now
        func report(_ ending: Crawl.Ending?) async throws -> RunReport {
            let end = ContinuousClock.now
            // What was done is told, though the queue may be out of reach just now.
            let patience = Patience(limit: options.stallMax, stop: stop)
            let (counts, output) = try await patience.whileUnreachable {
                () async throws(QueueError) in
                (
                    try await store.counts(of: options.batch),
                    try await store.output(of: observer.output.site)
                )
            }
            return RunReport(
                ending: ending, counts: counts, before: before,
                elapsed: end - begin, paused: observer.pausedTime.length(at: end),
                queue: queue.path, measures: observer.measures.last,
                followed: observer.follows.last,
                output: OutputTotals(output, from: queue.realFolder))
        }
        // Bare, since it ends before the course is kept for the last time.
        let keeping = Task { await course.watch() }
        func endKeeping() async {
            keeping.cancel()
            await keeping.value
        }
        do {
            let ending = try await crawl.run(to: .files(outputOptions), observer: observer)
            await endKeeping()
            view.end()
            let report = try await report(ending)
            await course.end(report.endingName)
            view.ended(report)
            return try print(report)
        } catch {
            await endKeeping()
            // A queue that has failed is better left alone.
            if !(error is QueueError) { await course.end(error.isFullDisk ? "disk_full" : "error") }
            view.end()
            // The disk may be that of standard output, too: the error that follows says enough.
            if error.isFullDisk { _ = try? print(await report(nil)) }
            throw error
        }
    }

    /// Sets how answers are judged: as asked for, or else as in earlier runs.
    ///
    /// - Returns: All that was chosen, and a sentence on what was taken from earlier runs; `nil` when
    ///   nothing was.
    private func judge(
        _ options: inout CrawlOptions, in store: any JobQueue
    ) async throws -> (choice: JudgingChoice, note: String?) {
        let kept: JudgingChoice
        if let text = try await store.setting(JudgingChoice.name) {
            do {
                kept = try JSON.document(in: text)
            } catch {
                throw QueueError(
                    .damaged,
                    "the queue keeps choices of judging that cannot be read (table setting, judging); restore a copy of the queue"
                )
            }
        } else {
            kept = JudgingChoice()
        }
        let choice = judging.choice.over(kept)
        try choice.apply(to: &options)
        if choice != kept {
            options.choices[JudgingChoice.name] =
                choice == JudgingChoice() ? .some(nil) : try JSON.text(choice)
        }
        let before = kept.without(judging.choice)
        let note = before == JudgingChoice() ? nil : "judging as before: \(before.text)"
        return (choice, note)
    }

    private var outputOptions: OutputOptions {
        var options = outputFlags.outputOptions
        options.queueFolder = queue.realFolder
        return options
    }

    private func print(_ report: RunReport) throws -> ExitStatus {
        try Terminal.output(json ? try JSON.text(report) : report.text)
        return report.status
    }

    private func options(attached output: QueueOutput) throws -> CrawlOptions {
        var options = CrawlOptions()
        options.workers = workers
        try politeness.apply(to: &options)
        options.grace = grace.duration
        options.stallMax = maxStall.duration
        // A year: longer than any run stays.
        options.idleMax = idleExit?.duration ?? (follow ? .seconds(31_536_000) : .zero)
        options.fetch = requests.fetchOptions
        options.fetch.userAgent = robots.userAgent
        options.fetch.keepsValidators = keepValidators
        options.robots = try robots.options(userAgent: headers.userAgent)
        options.fetch.headers = try headers.sources()
        options.fetch.references = RequestReferences(environment: Environment.variables)
        try network.apply(to: &options.fetch)
        let folder = outputFlags.output ?? output.settings?.place(from: queue.realFolder)
        options.diskReserve = outputFlags.diskReserve(
            in: [queue.folder, folder].compactMap(\.self))
        return options
    }
}
