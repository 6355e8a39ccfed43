internal import Glibc
public import JobStore

extension OutputFiles {
    /// Whether a queue's output is as `closeForGood` leaves it: each file is sealed, and in its place.
    ///
    /// - Parameter queueFolder: The folder of the queue's file, links resolved.
    public static func isClosed(_ output: QueueOutput, queueFolder: String?) -> Bool {
        guard let folder = output.settings?.place(from: queueFolder) else { return true }
        return output.files.allSatisfy { file in
            file.isSealed && access("\(folder)/\(file.draftName)", F_OK) != 0
        }
    }

    /// Cuts off what a run that was killed, or has failed, has left behind the records that count,
    /// and seals the last file of a queue's output, if it has one: for a queue whose runs do not go
    /// on with it.
    ///
    /// - Parameter queueFolder: The folder of the queue's file, links resolved.
    /// - Throws: `SinkError` when the folder is not as the queue knows it; `QueueError` as `attach`
    ///   does.
    public static func closeForGood(_ queue: any JobQueue, queueFolder: String?) async throws {
        let lease = try await queue.attach(RunnerDescription(pid: Int(getpid()), workers: 1))
        do {
            var options = OutputOptions()
            options.queueFolder = queueFolder
            let isClosed = isClosed(lease.attachment.output, queueFolder: queueFolder)
            if !isClosed, let output = try await open(options, for: lease, CrawlOptions()) {
                defer { output.close() }
                try await output.closeLast(for: lease)
            }
        } catch {
            // As a killed run leaves it, so that the next one knows that something is left to do.
            await lease.abandon()
            throw error
        }
        try await lease.detach()
    }
}
