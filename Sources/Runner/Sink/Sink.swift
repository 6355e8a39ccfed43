internal import Glibc
public import JobStore

/// A queue's output, opened for a run.
public struct Sink: Sendable {
    /// Notes for the user on the state in which the output was found, a line each.
    public let notes: [String]
    public let settings: OutputSettings
    let format: OutputFormat
    let writer: OutputWriter
    let limits: SpoolableBytes.Limits
    private let request: RequestHead

    /// The header values that all requests of a run send, for formats that archive requests.
    struct RequestHead: Sendable {
        let userAgent: String
        let acceptEncoding: String

        func renderer(_ format: OutputFormat, keepsBodies: Bool) -> any RecordRenderer {
            switch format {
            case .jsonl, .jsonlGzip: JSONRecord(keepsBodies: keepsBodies)
            case .files: JSONRecord(keepsBodies: true, isIndex: true)
            case .warc: WARCRecord(userAgent: userAgent, acceptEncoding: acceptEncoding)
            }
        }
    }

    /// Makes the recorder of a loop, which is the loop's side of the sink.
    func recorder() -> Recorder {
        Recorder(
            request.renderer(format, keepsBodies: settings.keepsBodies), format: format,
            keepsFailures: settings.keepsFailures, budget: limits.budget)
    }

    /// The settings by which transfers keep responses for the sink.
    ///
    /// - Parameter failed: Called when a head or body could not be kept.
    func keeping(
        failed: @escaping @Sendable (SinkError) -> Void
    ) -> TransferSettings.Keeping {
        TransferSettings.Keeping(
            limits: limits, keepsBodies: settings.keepsBodies, isEncodingKept: format == .warc
        ) { [folder = writer.folder] error in
            failed(folder.failure("a body cannot be kept in its temporary file", error))
        }
    }

    /// Opens the output that a run is to have: the one asked for, or else the one that the queue
    /// remembers.
    ///
    /// - Parameters:
    ///   - lease: The hold on the queue that this process got when it attached.
    ///   - crawl: The options of the run.
    /// - Returns: `nil` when no output is asked for and the queue remembers none.
    /// - Throws: `SinkError` when the folder is not as the queue knows it; then nothing in the
    ///   folder was changed. `QueueError` when the queue fails.
    public static func open(
        _ options: OutputOptions, for lease: any RunnerLease, _ crawl: CrawlOptions
    ) async throws -> Sink? {
        let found = lease.attachment.output
        guard options.asksForOutput || found.settings != nil else { return nil }
        var plan = try OutputPlan(
            options, found: found, at: found.settings?.place(from: options.queueFolder))
        let folder = try plan.openFolder()
        try plan.settle(in: folder)
        // Recorded before anything is made, so that no kill leaves a file that the queue does not
        // know.
        try await lease.keepOutput(plan.settings, plan.changed)
        try folder.claim(as: plan.settings.identity)
        let current = try plan.isCurrentThere ? folder.open(plan.current) : nil
        var notes = plan.notes
        if found.settings == nil, lease.attachment.counts.completed > 0 {
            notes.append(
                "\(lease.attachment.counts.completed) jobs were completed before there was an output, and are not in it"
            )
        }
        let request = RequestHead(
            userAgent: crawl.fetch.userAgent,
            acceptEncoding: TransferSettings.encodings(isKept: plan.format == .warc))
        let budget = MemoryBudget.make(maxBytes: options.maxMemoryBytes, workers: crawl.workers)
        return Sink(
            notes: notes, settings: plan.settings, format: plan.format,
            writer: try OutputWriter(
                folder, plan.current, opened: current, plan.format, plan.settings,
                software: crawl.fetch.userAgent,
                renderer: request.renderer(plan.format, keepsBodies: plan.settings.keepsBodies),
                budget: budget),
            limits: SpoolableBytes.Limits(budget: budget, spool: Spool { folder.descriptor }),
            request: request)
    }
}

/// Decides what a run does with the output it finds. Pure except for `openFolder` and `settle`,
/// which use the folder.
struct OutputPlan {
    private(set) var settings: OutputSettings
    let format: OutputFormat
    private(set) var notes: [String] = []
    private let found: QueueOutput
    /// The path of the folder that earlier runs wrote to.
    private let place: String?
    private let queueFolder: String?
    /// Files whose rows are new or changed.
    private(set) var changed: [OutputFile] = []
    /// The file that the run writes to.
    private(set) var current: OutputFile
    /// Whether `current` was found in the folder.
    private(set) var isCurrentThere = false

    init(
        _ options: OutputOptions, found: QueueOutput, at place: String?
    ) throws(SinkError) {
        let before = found.settings
        self.place = place
        queueFolder = options.queueFolder
        guard let named = options.folder ?? place else {
            throw SinkError(
                .usage, "this queue has no output folder yet; name one with --output DIR")
        }
        var format = options.format ?? .jsonl
        if options.format == nil, let before { format = try Self.format(before.format) }
        settings = OutputSettings(
            folder: named, identity: Self.newIdentity(),
            format: format.rawValue,
            rotateBytes: options.rotateBytes ?? before?.rotateBytes ?? 1 << 30,
            keepsBodies: options.keepsBodies ?? before?.keepsBodies ?? true,
            keepsFailures: options.keepsFailures ?? before?.keepsFailures ?? false)
        guard settings.keepsBodies || format == .jsonl || format == .jsonlGzip else {
            throw SinkError(
                .usage,
                "bodies are left out (--no-body, now or in an earlier run), which goes with --format jsonl and jsonl.gz, not \(format.rawValue); keep them with --body"
            )
        }
        for file in found.files where OutputName(file.name)?.format != file.format {
            throw SinkError(
                .io,
                "the queue is damaged: '\(file.name)' is no name of an output file; restore a copy of the queue"
            )
        }
        self.format = format
        self.found = found
        let open = found.files.filter { !$0.isSealed }
        if let same = open.last, same.format == format.rawValue {
            current = same
        } else {
            let id = (found.files.last?.id ?? 0) + 1
            let isFirst = !found.files.contains { $0.format == format.rawValue }
            current = OutputFile(
                id: id, name: format.name(of: id, isFirst: isFirst), format: format.rawValue)
            changed.append(current)
            for var file in open {
                file.isSealed = true
                changed.insert(file, at: 0)
            }
            if let old = found.files.last, old.format != format.rawValue {
                notes.append(
                    "the format changes from \(old.format) to \(format.rawValue): new records go to \(current.name)"
                )
            }
        }
    }

    private static func newIdentity() -> String {
        var identity: [UInt8] = []
        for _ in 0..<16 { identity.append(hex: CollectionOfOne(UInt8.random(in: 0...255))) }
        return String(decoding: identity, as: UTF8.self)
    }

    private static func format(_ name: String) throws(SinkError) -> OutputFormat {
        guard let format = OutputFormat(rawValue: name) else {
            throw SinkError(
                .io,
                "this queue's output has the format '\(name)', which this runner does not know; upgrade runner"
            )
        }
        return format
    }

    /// Opens the folder. If it is missing, it is made, unless records were written already, which
    /// must then be elsewhere.
    func openFolder() throws(SinkError) -> OutputFolder {
        guard found.files.contains(where: { $0.bytes > 0 }), let before = place
        else { return try OutputFolder(path: settings.folder, makes: true) }
        guard access(settings.folder, F_OK) == 0 || errno != ENOENT else {
            throw SinkError(
                .io,
                settings.folder == before
                    ? "the output folder \(before) is gone; put it back, or tell where it is now with --output"
                    : "there is no folder \(settings.folder); the output of this queue is in \(before)"
            )
        }
        return try OutputFolder(path: settings.folder, makes: false)
    }

    /// Compares the folder with what the queue knows, and takes its real path. Bytes that a kill
    /// left in files that are sealed now are cut off once everything is found to be in order.
    mutating func settle(in folder: OutputFolder) throws(SinkError) {
        try settleOwner(of: folder)
        settings.folder = OutputPlace.kept(folder.path, queueFolder: queueFolder)
        let known = Set(found.files.map(\.name))
        let hasBodies = found.files.contains { $0.format == OutputFormat.files.rawValue }
        for name in try folder.claimedNames() where !known.contains(name) {
            if name != OutputFolder.bodies || !hasBodies { throw folder.unknown(name) }
        }
        for file in found.files {
            let isThere = try folder.check(file)
            if file == current { isCurrentThere = isThere }
            guard !isThere, file.bytes > 0 else { continue }
            guard file.isSealed else {
                throw SinkError(
                    .io,
                    "\(file.name), with \(file.records) records, is gone from the output folder \(folder.path); put it back"
                )
            }
            notes.append(
                "\(file.name) is no longer in the output folder, with \(file.records) records")
        }
        for file in changed where file.isSealed {
            // The file is sealed now: bytes that a kill left behind those that count are cut off.
            if file.bytes == 0 {
                try folder.remove(file.name)
            } else {
                close(try folder.open(file))
            }
        }
    }

    /// Locks the folder, and checks that it is this queue's, wherever it was moved to, or nobody's.
    private mutating func settleOwner(of folder: OutputFolder) throws(SinkError) {
        try folder.lock()
        let owner = try folder.identity()
        settings.identityBefore = owner ?? ""
        guard let before = found.settings,
            owner == before.identity || owner == before.identityBefore
        else { return try settleStranger(folder, owner) }
        let was = OutputPlace.path(before.folder)
        if was != folder.path {
            notes.append("the output has moved from \(was) to \(folder.path)")
        }
    }

    /// Checks a folder that does not say that it is this queue's: it must be nobody's, and the
    /// queue must have written nothing yet.
    private func settleStranger(_ folder: OutputFolder, _ owner: String?) throws(SinkError) {
        guard owner == nil else { throw folder.othersFolder() }
        if let before = place, found.files.contains(where: { $0.bytes > 0 }) {
            throw SinkError(
                .io,
                before == folder.path
                    ? "the output folder \(before) has lost its file .runner, or is not the one that was written to; put that back, or have this one taken as docs/OUTPUT.md says of copies"
                    : "the output of this queue is in \(before); give --output \(before), or move its files to \(folder.path) first, .runner included"
            )
        }
        // Nobody's, and nothing counts yet: what is there was not written by this queue.
        if let name = try folder.claimedNames().first { throw folder.unknown(name) }
    }
}
