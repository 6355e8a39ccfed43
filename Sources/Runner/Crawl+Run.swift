internal import JobStore
internal import Synchronization

/// The parts of a run, which work beside each other:
///
///     feed ──jobs──▶ workers on event loops ──ended──▶ marker ──▶ queue
///
/// Lifetimes are task groups.
extension Crawl {
    /// The parts of a run.
    struct Parts: Sendable {
        let attachment: Attachment
        let lease: any RunnerLease
        let feed: Feed
        let marker: Marker
        let loops: EventLoops
        let disk: DiskWatch
        let limits: LimitWatch?
        /// `nil` where no robots.txt is honoured.
        let gate: RobotsGate?
        /// `nil` where nobody makes anything of responses.
        let handlers: HandlerPool?
        /// `nil` where nothing is followed.
        let follower: Follower?
        let board: MeasureBoard
        /// `nil` where nobody looks at failures.
        let failures: FailureLog?
        fileprivate let bells: LoopBells
    }

    /// Makes the parts of a run and connects them.
    func wire(
        _ lease: any RunnerLease, _ stay: Stay, _ sink: (any Sink)?, _ follower: Follower?,
        seesFailures: Bool
    ) throws -> Parts {
        let bells = LoopBells()
        let feed = Feed(
            lease: lease,
            state: JobFeed(
                limits: .init(
                    workers: options.workers,
                    holdMicros: queue.allowsManyRunners ? Self.holdMicros : nil,
                    probes: max(1, options.workers / 8)),
                options.politeness.of(workers: options.workers),
                knownPaces: KnownPaces(lease.attachment.hosts, at: Now.read()),
                retrying: lease.attachment.retrying),
            patience: patience, defaults: try defaults(for: sink), perHost: options.perHost,
            wakeLoops: { bells.ring() })
        let disk = DiskWatch(options.diskReserve)
        let limits = stay.limits
        let board = MeasureBoard()
        let failures = seesFailures ? FailureLog() : nil
        let marker = Marker(
            lease: lease, feed: feed, patience: patience, sink: sink, board: board,
            follower: follower
        ) {
            if disk.look(ahead: feed.unmarkedBytes) { feed.drain() }
        }
        let judge = judge
        // Heads take memory, too, where nothing is kept.
        let budget =
            sink?.storage.budget
            ?? MemoryBudget.make(
                bytesMax: CaptureStorage.defaultMemoryBytes, workers: options.workers)
        let unkept: @Sendable (SinkError) -> Void = {
            marker.fail($0)
            feed.drain()  // or what cannot be kept is fetched again and again until the end
        }
        let keeping = keeping(sink?.keeping(failed: unkept), budget, failed: unkept)
        let gate = options.robots.scope == .none ? nil : RobotsGate(options.robots, queue)
        let handlers = try handler.map { handler in
            try HandlerPool(
                HandlerChecks(
                    of: handler, follows: follower != nil,
                    isCodingKept: sink?.needs.contains(.encoding) ?? false,
                    reasons: HandlerReasons(lease.attachment.counts)),
                isFull: {
                    feed.unmarkedBytes >= Self.handledBytesMax || follower?.isFull == true
                }
            ) { error in
                marker.fail(error)
                feed.drain()
            }
        }
        let loops = try EventLoops(
            options, keeping, budget, gate: gate, handlers: handlers, board: board
        ) {
            Desk(
                feed: feed, marker: marker, judge: judge, conditions: makeConditions(keeping),
                collector: sink?.makeCollector(),
                keepsFailures: sink?.needs.contains(.failures) ?? false,
                keepsValidators: options.fetch.keepsValidators, handlers: handlers,
                limits: limits, failures: failures, memory: MemoryWatch(budget, .ofProcess))
        }
        bells.connect(loops)
        return Parts(
            attachment: lease.attachment, lease: lease, feed: feed, marker: marker, loops: loops,
            disk: disk, limits: limits, gate: gate, handlers: handlers, follower: follower,
            board: board,
            failures: failures, bells: bells)
    }

    /// The time in µs for which what a run claims lasts, where others work on the queue: half of the
    /// time that others wait for one that died. It may hold as much again.
    private static let holdMicros = 15_000_000

    /// The bytes of records and requests that wait for a commit at which no more responses are
    /// handled.
    private static let handledBytesMax = 32 << 20

    private func defaults(for sink: (any Sink)?) throws(RequestError) -> RequestDefaults {
        // Formats that keep a body's coding ask for the one that every reader can decode.
        let isCodingKept = sink?.needs.contains(.encoding) ?? false
        // Nor do handlers decode.
        let asksForCoding = isCodingKept ? handler == nil : !options.fetch.isRaw
        return try RequestDefaults(
            userAgent: options.fetch.userAgent,
            acceptEncoding: asksForCoding
                ? TransferSettings.encodings(isKept: isCodingKept) : nil,
            headers: options.fetch.headers, references: options.fetch.references)
    }

    /// Runs the parts until the work is over, or one of them fails.
    func supervise(
        _ parts: Parts, _ stay: inout Stay, _ observer: (any CrawlObserver)?
    ) async throws -> Ending {
        defer { parts.bells.disconnect() }
        if parts.disk.look(), let folder = parts.disk.shortage {
            return .diskReserve(folder: folder)
        }
        // Before the first request.
        let isPaused: Bool
        do throws(QueueError) {
            isPaused = try await patience.whileUnreachable { () async throws(QueueError) in
                try await parts.lease.steering()
            }.isPaused
        } catch {
            guard error.code == .unreachable, stop.isRequested else { throw error }
            return .stopped
        }
        if isPaused {
            parts.feed.setPaused(true)
            observer?.changed(.paused)
        }
        var shares = ShareKeeper(parts.lease, parts.feed)
        try await shares.begin()
        MachineLimits.forgetStartUpCode()
        defer {  // once they have stopped
            stay.add(parts.loops)
            observer?.measured(stay.measures)
        }
        defer { parts.loops.stop() }
        try parts.loops.start()
        let grace = GracePeriod(options.grace) { parts.loops.cancelTransfers() }
        stop.connect(
            drain: {
                parts.feed.drain()
                grace.begin()
            },
            cancel: {
                parts.feed.drain()
                parts.loops.cancelTransfers()
            })
        parts.limits?.connect {
            parts.feed.drain()
            grace.begin()
        }
        defer {
            stop.disconnect()
            parts.limits?.disconnect()
            grace.end()
        }
        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { group in
                    if let handlers = parts.handlers { group.addTask { await handlers.run() } }
                    await parts.loops.work()
                    parts.handlers?.close()
                }
                await parts.gate?.keep()
                parts.marker.close()
                return nil
            }
            group.addTask {
                try await parts.marker.run()
                return nil
            }
            group.addTask { try await feed(parts) }
            addWatches(of: parts, shares, observer, to: &group)
            do {
                var ending = Ending.finished
                for _ in 0..<3 {  // all but the watches, which end last
                    if let ended = try await group.next() ?? nil { ending = ended }
                }
                group.cancelAll()
                return ending
            } catch {
                // The store failed: nothing that ends from now on can be recorded.
                group.cancelAll()
                parts.feed.drain()
                parts.loops.cancelTransfers()
                parts.marker.close()
                while await group.nextResult() != nil {}
                throw error
            }
        }
    }

    /// Adds the tasks that look at the run until it is over.
    private func addWatches(
        of parts: Parts, _ shares: ShareKeeper, _ observer: (any CrawlObserver)?,
        to group: inout ThrowingTaskGroup<Ending?, any Error>
    ) {
        group.addTask {
            var steering = SteeringWatch(
                lease: parts.lease, feed: parts.feed, changed: { observer?.changed($0) },
                shares: shares)
            try await steering.watch()
            return nil
        }
        if let observer {
            group.addTask {
                try await sample(parts, observer)
                return nil
            }
        }
        if let observer {
            group.addTask {
                await tellOfTrouble(parts, observer)
                return nil
            }
        }
        if let follower = parts.follower {
            group.addTask {
                try await follower.keepTidy()
                return nil
            }
        }
        if let limits = parts.limits {
            group.addTask {
                await limits.watchClock()
                return nil
            }
        }
    }

    private func feed(_ parts: Parts) async throws -> Ending {
        let end = try await parts.feed.run(
            stallMicrosMax: options.stallMax.microseconds,
            idleMicrosMax: options.idleMax.microseconds)
        let trouble = parts.feed.outages.first.map { Trouble($0, at: Now.read()) }
        parts.feed.drain()  // lets the workers go home
        if let folder = parts.disk.shortage { return .diskReserve(folder: folder) }
        if let limit = parts.limits?.reached { return .limit(limit) }
        switch end {
        case .stalled: return .stalled(trouble)
        case .denied(let denial): return .denied(host: denial.host, status: denial.status)
        case .finished: return stop.isRequested || Task.isCancelled ? .stopped : .finished
        }
    }

    /// The time between two looks at what is out of reach.
    private static let troubleInterval = Duration.milliseconds(500)

    private func tellOfTrouble(_ parts: Parts, _ observer: any CrawlObserver) async {
        var watch = TroubleWatch()
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.troubleInterval)
            let now = Now.read()
            let troubles = parts.feed.outages.map { Trouble($0, at: now) }
            for news in watch.news(of: troubles, at: now) where !Task.isCancelled {
                observer.noticed(news)
            }
        }
    }

    private func sample(_ parts: Parts, _ observer: any CrawlObserver) async throws {
        var sampler = Sampler(
            queue: queue, batch: options.batch, feed: parts.feed, marker: parts.marker,
            board: parts.board, failures: parts.failures, follower: parts.follower,
            countsAtStart: parts.attachment.counts)
        while !Task.isCancelled {
            try? await Task.sleep(for: observer.interval)
            guard !Task.isCancelled else { break }
            if let text = observer.sampled(try await sampler.sample()) { parts.board.keep(text) }
        }
        observer.ended(try await sampler.sample())
    }
}

/// The loops that the feed wakes; none before they are made, and none once the run is over, or the
/// parts would keep each other for ever.
private final class LoopBells: Sendable {
    private let loops = Locked<EventLoops?>(nil)

    func connect(_ made: EventLoops) { loops.withLock { $0 = made } }
    func disconnect() { loops.withLock { $0 = nil } }
    func ring() { loops.withLock(\.self)?.wake() }
}
