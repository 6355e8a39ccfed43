internal import JobStore

extension Crawl {
    /// Runs, and beside it has a command run for each sealed file. Once all is fetched, the last file
    /// is sealed, too, and the run waits for the commands that are left.
    func run(
        _ lease: any RunnerLease, _ stay: inout Stay, _ follower: Follower?,
        handing files: OutputFiles, to command: String, _ observer: (any CrawlObserver)?
    ) async throws -> Ending {
        let handOver = HandOver(command, for: lease, options, stop: stop) {
            observer?.handing($0)
        }
        handOver.add(files.sealed)
        let parts = try wire(
            lease, stay, HandingSink(files, handOver), follower,
            seesFailures: observer?.seesFailures ?? false)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await handOver.run() }
            let ending = try await supervise(parts, &stay, observer)
            // A stop may come with the last job.
            let isFinished = try await queue.counts(of: options.batch).left == 0
            if isFinished {
                if let last = try await files.sealLast(for: lease) {
                    handOver.add(files.placed([last]))
                }
            }
            handOver.close(isFinished: isFinished)
            try await group.waitForAll()
            let left = handOver.count
            if left > 0 { observer?.handing(.left(left)) }
            return isFinished && left > 0
                ? .unhanded(files: left, isStopped: stop.isRequested) : ending
        }
    }
}
