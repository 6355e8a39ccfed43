internal import Glibc
public import JobStore

extension OutputFiles {
    /// Cuts off what a killed run has left behind the records that count, and seals the last file of
    /// a queue's output, if it has one: for a queue whose runs do not go on with it.
    ///
    /// - Parameter queueFolder: The folder of the queue's file, links resolved.
    /// - Throws: `SinkError` when the folder is not as the queue knows it; `QueueError` as `attach`
    ///   does.
    public static func closeForGood(_ queue: any JobQueue, queueFolder: String?) async throws {
        let lease = try await queue.attach(RunnerDescription(pid: Int(getpid()), workers: 1))
        do {
            var options = OutputOptions()
            options.queueFolder = queueFolder
            if let output = try await open(options, for: lease, CrawlOptions()) {
                defer { output.close() }
                _ = try await output.sealLast(for: lease)
            }
        } catch {
            // As a killed run leaves it, so that the next one knows that something is left to do.
            await lease.abandon()
            throw error
        }
        try await lease.detach()
    }
}
