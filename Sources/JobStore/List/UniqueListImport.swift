/// A list that is being added without duplicates: a `ListImport` that also keeps the set of the
/// requests of the queue's lists, by their hashes.
///
/// Whoever adds the list makes the hashes, asks which of them the set holds, and adds the others
/// beside the blocks of their lines. The hashes are in the set for good once the list is finished;
/// if it is not, they go with it. One such list is added at a time, so none misses what another
/// brings.
///
/// Lists that were added otherwise are not in the set. They are taken in first, one after another.
public protocol UniqueListImport: ListImport {
    /// The key of the hashes: the queue's own, at random, and the same for good.
    var hashKey: RequestHash.Key { get }

    /// Returns the first list of the queue, by ID, that is not in the set; `nil` when all are in it.
    ///
    /// - Parameter last: Lists up to this ID are not looked at; 0 to look at all.
    func listOutside(after last: Batch.ID) async throws(QueueError) -> Batch?

    /// Puts a list in the set: the hashes of all its requests were added, and none of another list
    /// since the last call. A list that has grown meanwhile, or will, stays outside, though its
    /// hashes are in the set.
    func takeIn(_ batch: Batch) async throws(QueueError)

    /// Returns which of some hashes are in the set, or were added here.
    ///
    /// - Parameter hashes: Different hashes, rising.
    func known(_ hashes: [RequestHash]) async throws(QueueError) -> [Bool]

    /// Adds hashes.
    ///
    /// - Parameter hashes: Different hashes, rising. Memory does not grow with them.
    func add(_ hashes: [RequestHash]) async throws(QueueError)

    /// Does what keeps the set quick to look at, as it grows by requests that a run finds
    /// (`RunnerLease.commit`). Work beside it goes on.
    func tidy() async throws(QueueError)
}

extension UniqueListImport {
    public func tidy() async throws(QueueError) {}
}
