/// A list that is being added to a queue.
///
/// Each call is one short transaction, so that runs beside it go on.
public protocol ListImport: Sendable {
    /// Adds blocks, whose positions go on where those before ended.
    func add(_ blocks: [ListBlock]) async throws(QueueError)

    /// Makes the list a batch, all of whose jobs are available.
    ///
    /// - Parameters:
    ///   - label: As in `JobQueue.enqueue`; the list is not compared with that of the batch that has
    ///     the key.
    ///   - hasOneHost: As in `JobList`.
    /// - Returns: The batch, durable once this method returns, and whether it is this list, not one
    ///   that got the key before; `nil` when no block was added.
    /// - Throws: `.nameTaken` when the name belongs to another batch.
    func finish(
        as label: BatchLabel, hasOneHost: Bool
    ) async throws(QueueError) -> (batch: Batch, isNew: Bool)?

    /// Removes what was added.
    func abandon() async
}

extension ListImport {
    /// Makes the list a batch whose jobs may go to several hosts.
    public func finish(
        as label: BatchLabel
    ) async throws(QueueError) -> (batch: Batch, isNew: Bool)? {
        try await finish(as: label, hasOneHost: false)
    }
}
