import ArgumentParser
import JobStore
import Lists
import Runner

/// Adds lists to a queue as one batch, and reports how far it is.
struct EnqueueList {
    let lists: [ListSource]
    let transport: ListTransport
    let flags: ListFlags
    let options: ImportOptions
    /// The name of the batch; without one that is to be queued once, it goes by the files.
    let batch: BatchFlags

    /// Refuses lists that cannot be read, and columns that they do not have, before anything is
    /// touched. A pipe is looked at only once it is read; of a list to be fetched, its server must
    /// give it.
    ///
    /// - Throws: `ImportError`.
    func check() throws {
        let files = try lists.filter { list in
            do throws(ListError) {
                let isKnown = try list.identity() != nil
                return isKnown && !ListTransport.isURL(list.name)
            } catch {
                throw ImportError(error)
            }
        }
        try ListImporter.check(
            files, options, format: flags.format, separator: flags.separator?.utf8.first)
    }

    /// The batch of the lists.
    enum Result {
        /// It was there before.
        case known(Batch)
        case added(Batch, ListImporter.Counts)
        /// There is none, since the queue has all requests already.
        case nothingNew(ListImporter.Counts)
    }

    func add(to queue: any JobQueue) async throws -> Result {
        if let known = try await self.batch.known(in: queue) { return .known(known) }
        var label = self.batch.label(key: try key())
        if let key = label.key, let known = try await queue.batch(enqueuedAs: key) {
            // Queued once more, it adds what is new.
            guard flags.unique else { throw ListKey.queuedBefore(names, known) }
            label = self.batch.label()
        }
        try await refuseWhatIsQueuedInPart(queue)
        let rejects = try flags.rejects.map { try RejectsFile($0) }
        let view = ImportView()
        let shown = RejectionView(view, flags)
        let importer = ListImporter(options, transport: transport) { rejection in
            if flags.strict { throw ValidationError("\(rejection.text); nothing was queued") }
            try rejects?.write(rejection)
            shown.note(rejection)
        } progressed: {
            view.show($0)
        } noted: {
            view.note($0)
        }
        defer { view.end() }
        let (batch, isNew, counts) = try await importer.add(
            lists, format: flags.format, separator: flags.separator?.utf8.first, to: queue,
            as: label)
        view.end()
        // The batch is there: an error now would have it queued again.
        do { try rejects?.flush() } catch { view.note("\(error)") }
        shown.end()
        guard let batch else {
            guard counts.duplicates > 0 else { throw Self.nothingToQueue(names, counts) }
            return .nothingNew(counts)
        }
        // Another process was faster than this one, which had looked before.
        guard isNew || self.batch.key != nil else { throw ListKey.queuedBefore(names, batch) }
        return isNew ? .added(batch, counts) : .known(batch)
    }

    /// Refuses a file that an import with `--streaming` has not finished.
    private func refuseWhatIsQueuedInPart(_ queue: any JobQueue) async throws {
        guard !flags.again else { return }
        for known in try await queue.unfinishedLists() {
            guard let list = try lists.first(where: { try known.isOf($0) }) else { continue }
            throw ValidationError(
                "\(list.name) is queued in part as batch \(known.batch.id); give --streaming to go on with it, or --again to queue it once more"
            )
        }
    }

    static func nothingToQueue(
        _ names: String, _ counts: ListImporter.Counts
    ) -> ValidationError {
        ValidationError(
            "\(names) has no line that can be queued (\(Format.count(counts.rejected)) rejected, \(Format.count(counts.skipped)) blank or comments)"
        )
    }

    /// The key of the files, by which they are queued once; `nil` where they may come again.
    private func key() throws -> String? {
        if flags.again { return nil }
        do {
            let identities = try lists.map { try $0.identity() }
            // A pipe cannot be known again.
            guard identities.allSatisfy({ $0 != nil }) else { return nil }
            return ListKey.of(identities.compactMap(\.self))
        } catch let error as ListError {
            throw ImportError(error)
        }
    }

    /// The names of the lists, the first of them where there are many.
    var names: String {
        let names = lists.prefix(3).map(\.name).joined(separator: ", ")
        return lists.count > 3 ? "\(names) and \(lists.count - 3) more" : names
    }
}
