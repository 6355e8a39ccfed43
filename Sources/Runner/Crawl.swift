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
    let handler: (any ResponseHandler)?

    /// - Parameters:
    ///   - queue: A queue that is open, and stays open until the run has ended.
    ///   - handler: Makes something of responses; `nil` when nobody does.
    ///   - stop: Asks the run to stop, from any thread.
    /// - Throws: `LimitError` when this machine does not allow so many workers; nothing was touched
    ///   then.
    public init(
        queue: any JobQueue, options: CrawlOptions, stop: StopSwitch = StopSwitch(),
        handler: (any ResponseHandler)? = nil
    ) throws {
        self.handler = handler
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
        do {
            // Before anything is touched.
            for source in try await queue.references(of: options.batch) + options.fetch.headers {
                _ = try options.fetch.references.fields(of: source)
            }
            if options.fetch.keepsValidators { try await queue.checkKeepsValidators() }
            var stay = Stay(limits: LimitWatch(options.limits))
            while true {
                guard let ending = try await attend(&stay, to: destination, observer) else {
                    continue
                }
                await handler?.close()
                return ending
            }
        } catch {
            await handler?.close()
            throw error
        }
    }

    /// The part of a run that outlasts its hold on the queue.
    struct Stay {
        /// Counts what the run has done so far.
        let limits: LimitWatch?
        /// The times that the run was taken for dead, and came back.
        var returns = 0
        /// The measurements of all loops that have stopped.
        private(set) var loops: [LoopMeasures] = []
        private(set) var idle: [IdleTime] = []
        /// The waits before the run comes back: a run that was silent for half a minute need not hurry.
        fileprivate let pauses = Backoff(baseMicros: 1_000_000, waitMicrosMax: 30_000_000)

        init(limits: LimitWatch?) { self.limits = limits }

        /// Takes in the measurements of loops that have stopped.
        mutating func add(_ stopped: EventLoops) {
            loops += stopped.loops.map(\.measures)
            idle += stopped.idleTimes
        }

        var measures: RunMeasures { RunMeasures(loops, idle) }
    }

    /// Works on the queue from attaching to detaching.
    ///
    /// - Returns: `nil` when the run was taken for dead, and is to attach anew.
    private func attend(
        _ stay: inout Stay, to destination: Destination, _ observer: (any CrawlObserver)?
    ) async throws -> Ending? {
        guard await pauseBeforeReturn(of: stay) else { return .stopped }
        let lease = try await attach(stay, for: destination)
        var follower: Follower?
        do {
            if stay.returns == 0 {
                for (name, value) in options.choices {
                    try await patience.whileUnreachable { () async throws(QueueError) in
                        try await queue.keep(value, as: name)
                    }
                }
            }
            if let follow = options.follow {
                follower = try await Follower.open(
                    queue, follow, headers: options.fetch.headers
                ) { stop.isRequested }
            }
            let ending =
                options.follow != nil && follower == nil
                ? Ending.stopped
                : try await run(lease, &stay, follower, to: destination, observer)
            if let follower { observer?.followed(follower.figures) }
            await follower?.close()
            try await lease.detach()
            return ending
        } catch {
            await follower?.close()
            if Self.leavesQueueWell(error) {
                try? await lease.detach()
            } else {
                await lease.abandon()
            }
            guard queue.allowsManyRunners, let error = error as? QueueError, error.code == .fenced
            else { throw error }
            // Its jobs are others' already.
            if stop.isRequested { return .stopped }
            stay.returns += 1
            observer?.lostHold(error)
            return nil
        }
    }

    /// Waits before the run comes back for the second time, and later.
    ///
    /// - Returns: Whether nobody has asked the run to stop meanwhile.
    private func pauseBeforeReturn(of stay: Stay) async -> Bool {
        guard stay.returns > 1 else { return true }
        var random = SystemRandomNumberGenerator()
        let end =
            ContinuousClock.now
            + .microseconds(
                stay.pauses.waitMicros(afterAttempt: stay.returns - 1, using: &random))
        while ContinuousClock.now < end, !stop.isRequested {
            try? await Task.sleep(for: .milliseconds(100))
        }
        return !stop.isRequested
    }

    /// Waits for a queue that was reached before, as long as nothing else keeps the run waiting.
    var patience: Patience { Patience(limit: options.stallMax, stop: stop) }

    private func attach(
        _ stay: Stay, for destination: Destination
    ) async throws -> any RunnerLease {
        let isReturning = stay.returns > 0
        return try await patience.whileUnreachable { () async throws(QueueError) in
            try await queue.attach(
                try await description(for: destination, isReturning: isReturning))
        }
    }

    private func run(
        _ lease: any RunnerLease, _ stay: inout Stay, _ follower: Follower?,
        to destination: Destination, _ observer: (any CrawlObserver)?
    ) async throws -> Ending {
        let seesFailures = observer?.seesFailures ?? false
        func begin(_ notes: [String]) {
            if stay.returns == 0 {
                observer?.began(lease.attachment, notes: notes)
            } else {
                observer?.cameBack(lease.attachment, notes: notes)
            }
        }
        switch destination {
        case .files(let output):
            let files = try await OutputFiles.open(output, for: lease, options)
            defer { files?.close() }
            begin(files?.notes ?? [])
            if let files, let command = output.sealedFileCommand {
                return try await run(
                    lease, &stay, follower, handing: files, to: command, observer)
            }
            let parts = try wire(lease, stay, files, follower, seesFailures: seesFailures)
            return try await supervise(parts, &stay, observer)
        case .sink(let sink):
            try checkIsOnly(lease.attachment.output)
            begin([])
            let parts = try wire(lease, stay, sink, follower, seesFailures: seesFailures)
            return try await supervise(parts, &stay, observer)
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
        for destination: Destination, isReturning: Bool
    ) async throws(QueueError) -> RunnerDescription {
        var identity: String?
        switch destination {
        case .files(let output):
            let found = try await OutputFiles.identity(
                of: output, at: try await queue.sites(), in: queue)
            if let found, try await queue.hasForgotten(found) {
                throw QueueError(
                    .forgotten,
                    "the output folder \(output.folder ?? "of this run") was given up for lost: the queue has forgotten it, and its jobs were put back",
                    remedy: .nameAnotherOutput)
            }
            // A store that lets one runner work at a time has one site, and needs no telling.
            if queue.allowsManyRunners { identity = found }
        case .sink: break
        }
        return RunnerDescription(
            pid: Int(getpid()), workers: options.workers, siteIdentity: identity,
            batch: options.batch, rate: options.politeness.rate?.perSecond,
            isReturning: isReturning)
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

    /// Told that the queue takes nothing more of this run, since it was taken for dead, say, and that
    /// it attaches anew.
    func lostHold(_ reason: QueueError)

    /// Told that the run, which was taken for dead, goes on. What it counts begins anew, but for the
    /// limits at which it stops.
    func cameBack(_ attachment: Attachment, notes: [String])

    /// Told of the state of the run, about once each `interval`.
    ///
    /// - Returns: The figures as text, which the queue keeps for other processes to read
    ///   (`QueueCounts.LiveRun.measures`); `nil` to leave the last.
    func sampled(_ sample: RunSample) -> String?

    /// Told of the last state of the run, when all requests have ended and are committed; also each
    /// time that the run was taken for dead. Where the store has failed, perhaps not.
    func ended(_ sample: RunSample)

    /// Told when a host, or this machine, has been out of reach for some seconds, and when that is
    /// over; of ten such hosts, and one more a minute.
    func noticed(_ news: TroubleNews)
    /// Told that people have changed the run while it goes on, or that it begins paused.
    func changed(_ change: LiveChange)

    /// Told when all requests have ended how many there were and how long they took; of all of the
    /// run again when it has come back. Not told of a run that made none for want of room on disk.
    func measured(_ measures: RunMeasures)

    /// Told at the end of a run what became of the requests that responses led to.
    func followed(_ figures: FollowFigures)

    /// Told of the command that sealed files are handed to.
    func handing(_ news: HandOverNews)
}

extension CrawlObserver {
    public var interval: Duration { .seconds(1) }
    public var seesFailures: Bool { false }
    public func sampled(_ sample: RunSample) -> String? { nil }
    public func lostHold(_ reason: QueueError) {}
    public func cameBack(_ attachment: Attachment, notes: [String]) {}
    public func ended(_ sample: RunSample) {}
    public func changed(_ change: LiveChange) {}
    public func measured(_ measures: RunMeasures) {}
    public func noticed(_ news: TroubleNews) {}
    public func followed(_ figures: FollowFigures) {}
    public func handing(_ news: HandOverNews) {}
}
