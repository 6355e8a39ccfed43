internal import Glibc
public import JobStore

/// A whole run: drains a queue with a fixed pool of workers.
///
///     let queue = try openQueue(at: "runner.db")
///     let crawl = try Crawl(queue: queue, options: CrawlOptions())
///     let ending = try await crawl.run(to: .files(OutputOptions()))
///     await queue.close()
///
/// When `run` returns or throws, nothing of the run lives on, and the queue can be run again.
public struct Crawl: Sendable {
    /// The reason that a run ended.
    public enum Ending: Sendable {
        /// Every job is completed, failed or cancelled.
        case finished
        /// `StopSwitch` asked the run to stop; the jobs that are left can be resumed.
        case stopped
        /// Nothing got through for `CrawlOptions.stallMax`, for the longest because of this trouble;
        /// `nil` when none is known.
        case stalled(Trouble?)
        /// The last thousand answers of this host were the same status: 401, 403 or 407. Nothing else
        /// is left to fetch.
        case denied(host: String, status: Int)
        /// A limit of `CrawlOptions.limits` is reached.
        case limit(StopLimits.Limit)
        /// All is fetched, but so many sealed files are not handed over: the run was asked to stop, or
        /// no command for them has ended well for `CrawlOptions.stallMax`.
        case unhanded(files: Int, isStopped: Bool)
        /// The disk of this folder has less room than `CrawlOptions.diskReserve`.
        case diskReserve(folder: String)
    }

    /// The place where responses go.
    public enum Destination: Sendable {
        /// The files that the options ask for, or those that the queue remembers. Where there are
        /// neither, bodies are dropped.
        case files(OutputOptions)
        /// A sink of one's own. The queue must not remember files: they would lack what the run
        /// completes.
        case sink(any Sink)
    }

    let queue: any JobQueue
    let options: CrawlOptions
    let stop: StopSwitch

    /// - Parameters:
    ///   - queue: A queue that is open, and stays open until the run has ended.
    ///   - stop: Asks the run to stop, from any thread.
    /// - Throws: `LimitError` when this machine does not allow so many workers; nothing was touched
    ///   then.
    public init(
        queue: any JobQueue, options: CrawlOptions, stop: StopSwitch = StopSwitch()
    ) throws {
        precondition(options.workers >= 1, "a run has at least one worker")
        self.queue = queue
        self.options = options
        self.stop = stop
        try EventLoops.checkLimits(options)
    }

    /// Attaches to the queue, opens the output, runs until the queue is drained or `stop` says so,
    /// and detaches.
    ///
    /// - Throws: `QueueError` when the store fails, `SinkError` when the output does, `LimitError`
    ///   when this machine gives no thread, `RequestError` when requests refer to what is missing;
    ///   committed work is safe. After a fault of the output, or
    ///   on a full disk, the queue is left as after any run; after another fault of the store, it
    ///   is left as after a kill. The next run resumes in both cases.
    public func run(
        to destination: Destination = .files(OutputOptions()),
        observer: (any CrawlObserver)? = nil
    ) async throws -> Ending {
        // Before anything is touched.
        for source in try await queue.references(of: options.batch) + options.fetch.headers {
            _ = try options.fetch.references.fields(of: source)
        }
        let description = try await description(for: destination)
        let lease = try await Patience(limit: options.stallMax, stop: stop).whileUnreachable {
            () async throws(QueueError) in try await queue.attach(description)
        }
        do {
            for (name, value) in options.choices { try await queue.keep(value, as: name) }
            let ending = try await run(lease, to: destination, observer)
            try await lease.detach()
            return ending
        } catch {
            if Self.leavesQueueWell(error) {
                try? await lease.detach()
            } else {
                await lease.abandon()
            }
            throw error
        }
    }

    private func run(
        _ lease: any RunnerLease, to destination: Destination, _ observer: (any CrawlObserver)?
    ) async throws -> Ending {
        switch destination {
        case .files(let output):
            let files = try await OutputFiles.open(output, for: lease, options)
            defer { files?.close() }
            observer?.began(lease.attachment, notes: files?.notes ?? [])
            if let files, let command = output.sealedFileCommand {
                return try await run(lease, handing: files, to: command, observer)
            }
            return try await supervise(
                try wire(lease, files, seesFailures: observer?.seesFailures ?? false), observer)
        case .sink(let sink):
            try checkIsOnly(lease.attachment.output)
            observer?.began(lease.attachment, notes: [])
            return try await supervise(
                try wire(lease, sink, seesFailures: observer?.seesFailures ?? false), observer)
        }
    }

    /// Whether the queue can be written to, or only wants room: then nobody need wonder afterwards
    /// whether a run still holds it.
    private static func leavesQueueWell(_ error: any Error) -> Bool {
        switch error {
        case let error as QueueError: error.code == .full
        default: true
        }
    }

    private func description(
        for destination: Destination
    ) async throws -> RunnerDescription {
        var identity: String?
        switch destination {
        // A store that lets one runner work at a time has one site, and needs no telling.
        case .files(let output) where queue.allowsManyRunners:
            identity = try await OutputFiles.identity(
                of: output, at: try await queue.sites(), in: queue)
        case .files, .sink: break
        }
        return RunnerDescription(
            pid: Int(getpid()), workers: options.workers, siteIdentity: identity,
            batch: options.batch, rate: options.politeness.rate?.perSecond)
    }

    private func checkIsOnly(_ output: QueueOutput) throws(SinkError) {
        guard let settings = output.settings else { return }
        throw SinkError(
            .usage,
            "the queue keeps its responses in \(settings.folder), and a run to another sink would leave them out there"
        )
    }
}

/// Sees a run from outside.
public protocol CrawlObserver: Sendable {
    /// The time between two samples; a second as a rule.
    var interval: Duration { get }

    /// Whether samples are to tell of failed attempts.
    var seesFailures: Bool { get }

    /// Told once that the run begins.
    ///
    /// - Parameters:
    ///   - attachment: The state of the queue.
    ///   - notes: The state in which the output was found, as far as it is worth a word; a line
    ///     each.
    func began(_ attachment: Attachment, notes: [String])

    /// Told of the state of the run, about once each `interval`.
    ///
    /// - Returns: The figures as text, which the queue keeps for other processes to read
    ///   (`QueueCounts.LiveRun.measures`); `nil` to leave the last.
    func sampled(_ sample: RunSample) -> String?

    /// Told once of the last state of the run, when all requests have ended and are committed. Where
    /// the store has failed, perhaps not.
    func ended(_ sample: RunSample)

    /// Told when a host, or this machine, has been out of reach for some seconds, and when that is
    /// over; of ten such hosts, and one more a minute.
    func noticed(_ news: TroubleNews)
    /// Told that people have changed the run while it goes on, or that it begins paused.
    func changed(_ change: LiveChange)

    /// Told once, when all requests have ended, how many there were and how long they took. Not
    /// told of a run that made none for want of room on disk.
    func measured(_ measures: RunMeasures)

    /// Told of the command that sealed files are handed to.
    func handing(_ news: HandOverNews)
}

extension CrawlObserver {
    public var interval: Duration { .seconds(1) }
    public var seesFailures: Bool { false }
    public func sampled(_ sample: RunSample) -> String? { nil }
    public func ended(_ sample: RunSample) {}
    public func changed(_ change: LiveChange) {}
    public func measured(_ measures: RunMeasures) {}
    public func noticed(_ news: TroubleNews) {}
    public func handing(_ news: HandOverNews) {}
}
