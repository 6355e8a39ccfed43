public import JobStore
internal import Synchronization

/// A whole run: drains a queue with a fixed pool of workers.
///
///     feed ──jobs──▶ workers on event loops ──ended──▶ marker ──▶ queue
///
/// Lifetimes are task groups: when `run` returns or throws, nothing of the run lives on.
public struct Crawl: Sendable {
    /// The reason that a run ended.
    public enum Ending: Sendable {
        /// Every job is completed or failed.
        case finished
        /// `StopSwitch` asked the run to stop; the jobs that are left can be resumed.
        case stopped
        /// Nothing got through for `CrawlOptions.maxStall`, for the longest because of this trouble;
        /// `nil` when none is known.
        case stalled(Trouble?)
        /// The disk of this folder has less room than `CrawlOptions.diskReserve`.
        case diskReserve(folder: String)
    }

    let queue: any JobQueue
    let options: CrawlOptions
    let stop: StopSwitch
    let eventLoops: EventLoops

    /// - Throws: `LimitError` when this machine does not allow so many workers; nothing was touched
    ///   then.
    public init(queue: any JobQueue, options: CrawlOptions, stop: StopSwitch) throws {
        precondition(options.workers >= 1, "a run has at least one worker")
        self.queue = queue
        self.options = options
        self.stop = stop
        eventLoops = try EventLoops(options)
    }

    /// Runs until the queue is drained or `stop` says so. To be called once.
    ///
    /// - Parameters:
    ///   - lease: The hold on the queue that this process got when it attached.
    ///   - sink: The sink that takes responses; `nil` drops their bodies.
    ///   - observe: Called with the progress of the run about once each `interval`; `nil` when
    ///     nobody looks.
    /// - Throws: `QueueError` when the store fails, `SinkError` when the output does; committed
    ///   work is safe.
    public func run(
        _ lease: any RunnerLease, to sink: (any Sink)? = nil,
        every interval: Duration = .seconds(1),
        observe: (@Sendable (Progress) async -> Void)?
    ) async throws -> Ending {
        defer { eventLoops.stop() }
        MachineLimits.forgetStartUpCode()
        let patience = Patience(limit: options.maxStall, stop: stop)
        let feed = Feed(
            lease: lease,
            state: JobFeed(
                limits: .init(probes: max(1, options.workers / 8)),
                retrying: lease.attachment.retrying),
            patience: patience, wakeLoops: { eventLoops.wake() })
        let disk = DiskWatch(options.diskReserve)
        if disk.look(), let folder = disk.shortage { return .diskReserve(folder: folder) }
        let marker = Marker(lease: lease, feed: feed, patience: patience, sink: sink) {
            if disk.look(ahead: feed.unmarkedBytes) { feed.drain() }
        }
        let judge = Judge(
            retries: options.retries, backoff: options.backoff,
            longestRetryAfterMicros: min(
                options.longestRetryAfter, Retry.waitMax
            ).microseconds)
        // Heads take memory, too, where nothing is kept.
        let budget =
            sink?.storage.budget
            ?? MemoryBudget.make(
                maxBytes: CaptureStorage.defaultMemoryBytes, workers: options.workers)
        let desks = try eventLoops.loops.map { loop in
            let desk = Desk(
                feed: feed, marker: marker, judge: judge, collector: sink?.makeCollector(),
                keepsFailures: sink?.needs.contains(.failures) ?? false,
                memory: MemoryWatch(budget, .ofProcess))
            loop.client = desk
            loop.settings.budget = budget
            loop.settings.keeping = sink?.keeping {
                marker.fail($0)
                feed.drain()  // or what cannot be kept is fetched again and again until the end
            }
            try loop.start()
            return desk
        }
        let grace = options.grace
        let graceEnds = Mutex<Task<Void, any Error>?>(nil)
        stop.connect(
            drain: {
                feed.drain()
                // Not a child: the run must not wait for it.
                let task = Task {
                    try await Task.sleep(for: grace)
                    eventLoops.cancelTransfers()
                }
                graceEnds.withLock { $0 = task }
            },
            cancel: {
                feed.drain()
                eventLoops.cancelTransfers()
            })
        defer {
            stop.disconnect()
            graceEnds.withLock { $0?.cancel() }
        }

        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            group.addTask {
                await eventLoops.work(desks)
                marker.close()
                return nil
            }
            group.addTask {
                try await marker.run()
                return nil
            }
            group.addTask {
                let isStalled = try await feed.run(
                    maxStallMicros: options.maxStall.microseconds)
                let trouble = feed.outages.first.map { Trouble($0, at: Now.read()) }
                feed.drain()  // lets the workers go home
                if let folder = disk.shortage { return .diskReserve(folder: folder) }
                return isStalled ? .stalled(trouble) : stop.isRequested ? .stopped : .finished
            }
            if let observe {
                group.addTask {
                    var watch = ProgressWatch(
                        queue: queue, feed: feed, countsAtStart: lease.attachment.counts)
                    while !Task.isCancelled {
                        try? await Task.sleep(for: interval)
                        if !Task.isCancelled { await observe(try await watch.look()) }
                    }
                    return nil
                }
            }
            do {
                var ending = Ending.finished
                for _ in 0..<3 {  // all but the observer
                    if let ended = try await group.next() ?? nil { ending = ended }
                }
                group.cancelAll()
                return ending
            } catch {
                // The store failed: nothing that ends from now on can be recorded.
                group.cancelAll()
                feed.drain()
                eventLoops.cancelTransfers()
                marker.close()
                while await group.nextResult() != nil {}
                throw error
            }
        }
    }
}
