import ArgumentParser
import JobStore
import Lists
import Runner

/// Adds a list to a queue as it comes, or goes on with one.
struct EnqueueStream {
    /// The result: a batch that was there before, or the state of the one that was added to.
    enum Ending {
        case known(Batch)
        case taken(ListStreamer.Result, isResumed: Bool)
    }

    let list: ListSource
    let transport: ListTransport
    let flags: ListFlags
    let options: ImportOptions
    let batch: BatchFlags

    /// Refuses a list that cannot be read, and columns that it does not have, before anything is
    /// touched.
    func check() throws {
        try EnqueueList(
            lists: [list], transport: transport, flags: flags, options: options, batch: batch
        ).check()
    }

    func add(to queue: any JobQueue) async throws -> Ending {
        let target: ListStreamer.Target
        switch try await choose(in: queue) {
        case .known(let batch): return .known(batch)
        case .target(let chosen): target = chosen
        }
        var isResumed = false
        if case .batch = target { isResumed = true }
        let rejects = try flags.rejects.map { try RejectsFile($0, appends: isResumed) }
        let view = ImportView()
        let stop = StopSwitch()
        defer { view.end() }
        let shown = RejectionView(view, flags)
        let streamer = ListStreamer(
            options, stop: stop, calls: calls(rejects, shown, view, stop))
        do {
            let result = try await streamer.add(
                list, format: flags.format, separator: flags.separator?.utf8.first, to: queue,
                as: target)
            view.end()
            shown.end()
            return .taken(result, isResumed: isResumed)
        } catch let error as QueueError where error.code == .keyTaken {
            // Another process has queued it since we looked.
            guard let known = try await self.batch.known(in: queue, mayGrow: true) else {
                throw error
            }
            return .known(known)
        }
    }

    private func calls(
        _ rejects: RejectsFile?, _ shown: RejectionView, _ view: ImportView, _ stop: StopSwitch
    ) -> ListStreamer.Calls {
        let (name, hasKey) = (list.name, batch.key != nil)
        return ListStreamer.Calls(
            began: { before in
                if let before {
                    view.note("goes on after \(before.taken.text) of \(name)")
                }
                Signals.onStop {
                    if stop.isRequested { ExitStatus.exit(with: .stopped) }
                    stop.request()
                }
            },
            rejected: { rejection in
                try rejects?.write(rejection)
                shown.note(rejection)
            },
            committing: { try rejects?.flush() }, progressed: { view.show($0) },
            key: { bytesRead in
                if flags.again || hasKey { return nil }
                return try list.identity(byteCount: bytesRead).map { ListKey.of([$0]) }
            })
    }

    // MARK: - Which batch

    private enum Choice {
        case known(Batch)
        case target(ListStreamer.Target)
    }

    private func choose(in queue: any JobQueue) async throws -> Choice {
        let unfinished = try await queue.unfinishedLists()
        if batch.continues {
            if let chosen = try chosen(of: unfinished) {
                try check(chosen)
                return try goOn(chosen)
            }
            guard batch.ifAbsent != nil else { throw nothingToContinue }
        } else if !flags.again, let chosen = try unfinished.first(where: { try $0.isOf(list) }) {
            guard chosen.name == batch.name ?? batch.ifAbsent else {
                throw ValidationError(
                    "\(list.name) is queued in part as batch \(chosen.batch.id), \(chosen.name.map { "with the name '\($0)'" } ?? "without a name"); go on with that, or give --again to queue the list once more"
                )
            }
            return try goOn(chosen)
        }
        if let known = try await batch.known(in: queue) { return .known(known) }
        let label = batch.label()
        if label.key == nil, !flags.again, let identity = try identity(),
            let known = try await queue.batch(enqueuedAs: ListKey.of([identity]))
        {
            throw ListKey.queuedBefore(list.name, known)
        }
        return .target(.newBatch(label, mayRepeat: flags.again))
    }

    private func goOn(_ chosen: UnfinishedList) throws -> Choice {
        guard chosen.priority == batch.priority else {
            throw ValidationError(
                "batch \(chosen.batch.id) was begun with --priority \(chosen.priority); go on with that"
            )
        }
        return .target(.batch(chosen))
    }

    private func identity() throws -> ListIdentity? {
        do throws(ListError) { return try list.identity() } catch { throw ImportError(error) }
    }

    /// The unfinished list that `--continue` means; `nil` when there is none.
    private func chosen(of unfinished: [UnfinishedList]) throws -> UnfinishedList? {
        if let wanted = batch.name ?? batch.ifAbsent {
            return unfinished.first { $0.name == wanted || "\($0.batch.id)" == wanted }
        }
        let fits = try unfinished.filter {
            try identity() == nil ? $0.origin == nil : $0.isOf(list)
        }
        guard fits.count < 2 else {
            let names = fits.prefix(10).map { list in
                "\(list.batch.id)" + (list.name.map { " (\($0))" } ?? "")
            }
            throw ValidationError(
                "several lists are not complete; name the batch to go on with by --name: \(names.joined(separator: ", "))"
            )
        }
        return fits.first
    }

    /// Refuses to go on with a list by another one.
    private func check(_ chosen: UnfinishedList) throws {
        guard let origin = chosen.origin else {
            guard try identity() == nil else {
                throw ValidationError(
                    "batch \(chosen.batch.id) was begun with a pipe, and \(list.name) is a file; pipe it, or leave --continue out"
                )
            }
            return
        }
        guard try chosen.isOf(list) else {
            throw ValidationError(
                "\(list.name) is not the list that batch \(chosen.batch.id) was begun with, which is \(origin.name) as it was then"
            )
        }
    }

    private var nothingToContinue: ValidationError {
        let which = batch.name.map { "with the name or ID '\(Terminal.escaped($0))' " } ?? ""
        return ValidationError(
            "there is no list \(which)to go on with; runner batches shows those that are not complete, and without --continue a new batch is begun"
        )
    }
}

/// The first lines that cannot be queued, shown as they come.
final class RejectionView {
    private static let shownMax = 5
    private let view: ImportView
    private let writesAll: Bool
    private var count = 0

    init(_ view: ImportView, _ flags: ListFlags) {
        self.view = view
        writesAll = flags.rejects != nil
    }

    func note(_ rejection: ListImporter.Rejection) {
        count += 1
        if count <= Self.shownMax { view.note(rejection.text) }
    }

    /// Says how many were not shown, unless they are in a file.
    func end() {
        guard count > Self.shownMax, !writesAll else { return }
        view.note(
            "\(Format.count(count - Self.shownMax)) more lines cannot be queued; --rejects FILE writes them all"
        )
    }
}

/// The key of lists that are files, by which they are queued once.
enum ListKey {
    static func of(_ identities: [ListIdentity]) -> String {
        identities.map { "list:\($0.name)|\($0.byteCount)|\($0.endsHash)" }.joined(separator: "|")
    }

    static func queuedBefore(_ names: String, _ batch: Batch) -> ValidationError {
        ValidationError(
            "\(names) was queued before, as batch \(batch.id); give --again to queue it once more, or --unique to queue what is new"
        )
    }
}

extension UnfinishedList {
    /// Whether the list is from this file, which may have grown.
    func isOf(_ list: ListSource) throws -> Bool {
        guard let origin, origin.name == list.name else { return false }
        do throws(ListError) {
            guard let beginning = try list.beginning(byteCount: origin.byteCount) else {
                return false
            }
            return beginning.byteCount == origin.byteCount && beginning.hash == origin.hash
        } catch {
            throw ImportError(error)
        }
    }
}

extension TakenPart {
    /// The last line that was taken, for people.
    var text: String { "line \(Format.count(lines))" }
}
