internal import Glibc

/// The event loops of a run, with its workers spread over them.
struct EventLoops: Sendable {
    let loops: [EventLoop]
    private let shardsPerLoop: Int
    private let workers: Int

    /// - Throws: `LimitError` when this machine does not allow so many workers.
    init(_ options: CrawlOptions) throws {
        let count = min(max(1, options.loops ?? MachineLimits.cores), options.workers)
        let workersPerLoop = (options.workers - 1) / count + 1
        shardsPerLoop = Self.shards(forWorkers: workersPerLoop)
        try MachineLimits.allow(workers: options.workers) { workers in
            count * Self.shards(forWorkers: (workers - 1) / count + 1)
        }
        let authorities =
            options.fetch.isInsecure ? nil : AuthorityStore(file: options.fetch.caFile)
        var loops: [EventLoop] = []
        for _ in 0..<count {
            loops.append(
                try EventLoop(
                    shards: shardsPerLoop, options.fetch,
                    authorities: authorities))
        }
        workers = options.workers
        self.loops = loops
    }

    /// The number of shards for a loop's workers: one for about 32 connections, since libcurl looks
    /// through all connections of a multi handle, twice a request. There are at most 64 shards,
    /// since one takes 44 KB.
    private static func shards(forWorkers workers: Int) -> Int { min(64, (workers - 1) / 32 + 1) }

    func wake() { for loop in loops { loop.wake() } }
    func cancelTransfers() { for loop in loops { loop.cancelTransfers() } }
    func stop() { for loop in loops { loop.stop() } }

    /// Runs all workers, each on one loop for life, until their work is over.
    func work(_ desks: [Desk]) async {
        await withDiscardingTaskGroup { group in
            for number in 0..<workers {
                let place = number % loops.count
                let worker = Worker(
                    desk: desks[place], loop: loops[place],
                    shard: number / loops.count % shardsPerLoop)
                group.addTask(executorPreference: loops[place]) { await worker.work() }
            }
        }
    }
}
