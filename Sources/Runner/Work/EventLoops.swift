internal import Glibc

/// The event loops of a run, each with its desk, and the workers spread over them.
struct EventLoops: Sendable {
    let loops: [EventLoop]
    private let desks: [Desk]
    private let shardsPerLoop: Int
    private let workers: Int
    private let gate: RobotsGate?
    private let handlers: HandlerPool?

    /// - Parameters:
    ///   - handlers: The handlers that desks have, to be cancelled with the transfers.
    ///   - gate: Asked about each job, where robots.txt is honoured.
    ///   - keeping: The settings for keeping responses; `nil` when responses are dropped.
    ///   - budget: The budget in which heads are counted.
    ///   - board: Where the measurements of the loops are posted while they run.
    ///   - makeDesk: Makes the desk of a loop.
    /// - Throws: `LimitError` when this machine gives no loop, `CertificateFault` when the
    ///   certificate to show to servers cannot be read.
    init(
        _ options: CrawlOptions, _ keeping: TransferSettings.Keeping?, _ budget: MemoryBudget,
        gate: RobotsGate? = nil, handlers: HandlerPool? = nil, board: MeasureBoard,
        makeDesk: () -> Desk
    ) throws {
        self.gate = gate
        self.handlers = handlers
        let count = Self.count(options)
        shardsPerLoop = Self.shards(forWorkers: (options.workers - 1) / count + 1)
        let authorities =
            options.fetch.isInsecure ? nil : AuthorityStore(file: options.fetch.caFile)
        let certificate = try options.fetch.clientCertificate.map { try ClientCertificate($0) }
        let addresses = SharedAddresses()
        let addressGuard = AddressGuard(isOff: options.fetch.allowsInward)
        var loops: [EventLoop] = []
        var desks: [Desk] = []
        for _ in 0..<count {
            let desk = makeDesk()
            let settings = TransferSettings(
                options.fetch, authorities: authorities, certificate: certificate, keeping: keeping,
                budget: budget, addressGuard: addressGuard)
            let loop = try EventLoop(
                shards: shardsPerLoop, settings, client: desk, addresses: addresses)
            desk.posts(by: MeasurePost(loop.measures, to: board, loop: loops.count))
            loops.append(loop)
            desks.append(desk)
        }
        workers = options.workers
        self.loops = loops
        self.desks = desks
    }

    /// - Throws: `LimitError` when this machine does not allow so many workers.
    static func checkLimits(_ options: CrawlOptions) throws {
        let count = count(options)
        try MachineLimits.allow(workers: options.workers) { workers in
            count * shards(forWorkers: (workers - 1) / count + 1)
        }
    }

    private static func count(_ options: CrawlOptions) -> Int {
        min(max(1, options.loops ?? MachineLimits.cores), options.workers)
    }

    /// The number of shards for a loop's workers: one for about 32 connections, since libcurl looks
    /// through all connections of a multi handle, twice a request. There are at most 64 shards,
    /// since one takes 44 KB.
    private static func shards(forWorkers workers: Int) -> Int { min(64, (workers - 1) / 32 + 1) }

    /// - Throws: `LimitError` when the system gives no thread.
    func start() throws { for loop in loops { try loop.start() } }
    func wake() { for loop in loops { loop.wake() } }
    func cancelTransfers() {
        for loop in loops { loop.cancelTransfers() }
        handlers?.cancel()
    }
    func stop() { for loop in loops { loop.stop() } }

    /// The time that the workers of each loop waited for jobs. To be asked once all have stopped.
    var idleTimes: [IdleTime] { desks.map(\.idleTime) }

    /// Runs all workers, each on one loop for life, until their work is over.
    func work() async {
        await withDiscardingTaskGroup { group in
            for number in 0..<workers {
                let place = number % loops.count
                let worker = Worker(
                    desk: desks[place], loop: loops[place],
                    shard: number / loops.count % shardsPerLoop, gate: gate)
                group.addTask(executorPreference: loops[place]) { await worker.work() }
            }
        }
        await withDiscardingTaskGroup { group in
            for (loop, desk) in zip(loops, desks) {
                group.addTask(executorPreference: loop) { desk.postLast() }
            }
        }
    }
}
