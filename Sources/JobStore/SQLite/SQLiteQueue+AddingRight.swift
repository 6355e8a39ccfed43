/// The right to add to a list, a lock that the kernel frees with the process: by it others know
/// whether a list that is not complete is still being added.
extension SQLiteQueue {
    /// Runs `body` in one write transaction, in which the right to add to a list is taken, too: so
    /// nobody takes the list for abandoned. Where the transaction fails, the right is given back.
    ///
    /// - Parameter body: Reads or makes the list's row of `import`.
    /// - Returns: The result of `body`, which names the list besides.
    func writeWithRightToAdd<Result>(
        _ body: () throws -> (id: Batch.ID, result: Result)
    ) throws(QueueError) -> Result {
        var taken: Batch.ID?
        do throws(QueueError) {
            let (id, result) = try write {
                let made = try body()
                // A lock of our own would not keep us out.
                guard !addedLists.contains(made.id),
                    try lock?.take(.adding(to: made.id), patienceMillis: 0) ?? false
                else { throw beingAdded(made.id) }
                taken = made.id
                return made
            }
            addedLists.insert(id)
            return result
        } catch {
            // The commit failed, on a full disk for example: the list is not there, and another
            // process may add one under the same ID.
            if let taken { lock?.release(.adding(to: taken)) }
            throw error
        }
    }

    func beingAdded(_ id: Batch.ID) -> QueueError {
        QueueError(
            .inUse, "the list of batch \(id) of the queue \(path) is being added; wait for its end")
    }

    /// Gives up the right to add to a list.
    func endAdding(_ id: Batch.ID) {
        addedLists.remove(id)
        lock?.release(.adding(to: id))
        if uniqueList == id { endUniqueList() }
    }

    /// Whether some process, perhaps this one, is adding a list.
    func addsList(_ id: Batch.ID) -> Bool {
        // A lock of our own does not show.
        addedLists.contains(id) || lock?.isTaken(.adding(to: id)) ?? true
    }

    /// Whether nobody else adds to a list. The right is taken for that; who adds to the list has it
    /// already.
    func holdsRight(toAddTo id: Batch.ID) throws -> Bool {
        guard try lock?.take(.adding(to: id), patienceMillis: 0) ?? false else { return false }
        if !addedLists.contains(id) { lock?.release(.adding(to: id)) }
        return true
    }
}
