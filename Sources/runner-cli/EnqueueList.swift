import ArgumentParser
import Glibc
import JobStore
import Lists
import Runner

/// Adds lists to a queue as one batch, and reports how far it is.
struct EnqueueList {
    let lists: [ListSource]
    let flags: ListFlags
    let options: ImportOptions
    /// The name of the batch; without one that is to be queued once, it goes by the files.
    let batch: BatchFlags

    /// The rejections that are shown.
    private static let shownMax = 5

    /// Refuses lists that cannot be read, and columns that they do not have, before anything is
    /// touched. A pipe is looked at only once it is read.
    ///
    /// - Throws: `ImportError`.
    func check() throws {
        let files = try lists.filter { list in
            do throws(ListError) { return try list.identity() != nil } catch {
                throw ImportError(error)
            }
        }
        try ListImporter.check(
            files, options, format: flags.format, separator: flags.separator?.utf8.first)
    }

    /// - Returns: The batch; and the counts, `nil` when it was there before.
    func add(
        to queue: any JobQueue
    ) async throws -> (batch: Batch, counts: ListImporter.Counts?) {
        if let known = try await self.batch.known(in: queue) { return (known, nil) }
        let label = self.batch.label(key: try key())
        if let key = label.key, let known = try await queue.batch(enqueuedAs: key) {
            throw ValidationError(
                "\(names) was queued before, as batch \(known.id); give --again to queue it once more"
            )
        }
        let rejects = try flags.rejects.map { try RejectsFile($0) }
        let view = ImportView()
        var shown = 0
        let importer = ListImporter(options) { rejection in
            if flags.strict { throw ValidationError("\(rejection.text); nothing was queued") }
            try rejects?.write(rejection)
            shown += 1
            if shown <= Self.shownMax { view.note(rejection.text) }
        } progressed: {
            view.show($0)
        }
        defer { view.end() }
        let (batch, counts) = try await importer.add(
            lists, format: flags.format, separator: flags.separator?.utf8.first, to: queue,
            as: label)
        view.end()
        // The batch is there: an error now would have it queued again.
        do { try rejects?.close() } catch { view.note("\(error)") }
        if counts.rejected > Self.shownMax, flags.rejects == nil {
            view.note(
                "\(Format.count(counts.rejected - Self.shownMax)) more lines cannot be queued; --rejects FILE writes them all"
            )
        }
        guard let batch else {
            throw ValidationError(
                "\(names) has no line that can be queued (\(Format.count(counts.rejected)) rejected, \(Format.count(counts.skipped)) blank or comments)"
            )
        }
        return (batch, counts)
    }

    /// The key of the files, by which they are queued once; `nil` where they may come again.
    private func key() throws -> String? {
        if flags.again { return nil }
        do {
            let identities = try lists.map { try $0.identity() }
            // A pipe cannot be known again.
            guard identities.allSatisfy({ $0 != nil }) else { return nil }
            return identities.compactMap(\.self).map { identity in
                "list:\(identity.name)\u{0}\(identity.byteCount)\u{0}\(identity.endsHash)"
                    .replacing("\u{0}", with: "|")
            }.joined(separator: "|")
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

extension ListImporter.Rejection {
    fileprivate var text: String {
        "\(list):\(lineNumber): \(reason)"
            + (excerpt.isEmpty ? "" : ": \(String(decoding: excerpt.prefix(100), as: UTF8.self))")
    }
}

/// The file that rejected lines are written to: number, reason and beginning, with tabs between.
private final class RejectsFile {
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw unwritable }
    }

    deinit { _ = Glibc.close(descriptor) }

    private var unwritable: ValidationError {
        ValidationError(
            "--rejects \(path) cannot be written (\(String(cString: strerror(errno)))); name another file"
        )
    }

    func write(_ rejection: ListImporter.Rejection) throws {
        let excerpt = Terminal.escaped(String(decoding: rejection.excerpt, as: UTF8.self))
        buffer +=
            "\(rejection.list):\(rejection.lineNumber)\t\(rejection.reason)\t\(excerpt)\n".utf8
        if buffer.count >= 64 << 10 { try flush() }
    }

    func close() throws { try flush() }

    private func flush() throws {
        var start = 0
        while start < buffer.count {
            let count = buffer.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + start, $0.count - start)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw unwritable }
            start += count
        }
        buffer.removeAll(keepingCapacity: true)
    }
}

/// Shows an import on stderr: a line that is drawn again on a terminal, else one every 10 s.
private final class ImportView {
    private var screen = RedrawnText(to: STDERR_FILENO)
    private let interval: Duration
    private let begin = ContinuousClock.now
    private var last = ContinuousClock.now

    init() {
        interval = Terminal.isInteractive(STDERR_FILENO) ? .milliseconds(500) : .seconds(10)
    }

    func note(_ text: String) {
        try? screen.clear()
        Terminal.say("runner: \(Terminal.escaped(text))")
    }

    func show(_ counts: ListImporter.Counts) {
        let now = ContinuousClock.now
        guard now - last >= interval else { return }
        last = now
        try? screen.draw { _ in [Self.line(counts, after: now - begin)] }
    }

    func end() { try? screen.clear() }

    private static func line(_ counts: ListImporter.Counts, after elapsed: Duration) -> String {
        let rate = Int(Double(counts.jobs) / max(0.001, elapsed.seconds))
        var line = "\(Terminal.escaped(counts.list)): \(Format.count(counts.jobs)) lines"
        if let all = counts.byteCount, all > 0, counts.bytesRead > 0 {
            let left = elapsed.seconds * Double(all - counts.bytesRead) / Double(counts.bytesRead)
            line +=
                " (\(Format.percent(counts.bytesRead, of: all)), \(Format.duration(.seconds(max(0, left)))) left)"
        }
        return line + ", \(Format.count(rate))/s, \(Format.count(counts.rejected)) rejected"
    }
}
