internal import Glibc
public import JobStore

/// The sink that keeps records in the files of a folder: a queue's output, opened for a run.
public struct OutputFiles: Sink {
    /// Notes for the user on the state in which the output was found, a line each.
    public let notes: [String]
    /// The settings that the queue remembers from now on.
    public let settings: OutputSettings
    public let storage: CaptureStorage
    /// The sealed files of earlier runs, and those that were sealed as the output was opened. Where
    /// sealed files are handed over, those of other queues' runs come first.
    let sealed: [SealedFile]
    /// The path of the folder.
    private var path: String { writer.folder.path }
    private let format: any OutputFormat
    private let rendering: RenderingOptions
    private let writer: OutputWriter

    private var hasBodyFiles: Bool { format.bodies == .inFiles }

    public var needs: ResponseNeeds {
        var needs = format.needs
        if !settings.keepsBodies { needs.remove(.bodies) }
        // The body that an attempt nobody marked left of a job that failed is removed.
        if settings.keepsFailures || hasBodyFiles { needs.insert(.failures) }
        return needs
    }

    public func makeCollector() -> any Collector {
        FilesCollector(
            format.makeRenderer(rendering), hasBodyFiles: hasBodyFiles,
            keepsFailures: settings.keepsFailures, budget: storage.budget)
    }

    /// Files of this output, as files to be handed over.
    func placed(_ files: [OutputFile]) -> [SealedFile] {
        files.map { SealedFile(file: $0, folder: path) }
    }

    public func write(_ deposits: [Deposit]) async throws(SinkError) -> [OutputFile] {
        try await writer.write(deposits)
    }

    /// Seals the last file: all is fetched, and what comes later goes to another one.
    ///
    /// - Returns: The file; `nil` when nothing was written to it.
    func sealLast(for lease: any RunnerLease) async throws -> OutputFile? {
        guard let file = try await writer.sealLast() else { return nil }
        try await lease.keepOutput(settings, [file])
        try await writer.committed()
        return file
    }

    /// Seals the last file, too, where nothing that counts was written to it: it is removed.
    func closeLast(for lease: any RunnerLease) async throws {
        if try await sealLast(for: lease) != nil { return }
        try await lease.keepOutput(settings, [try await writer.removeLast()])
    }

    /// Lets other runs write to the folder. Nothing may be written any more.
    func close() { writer.folder.unlock() }

    public func committed() async throws(SinkError) { try await writer.committed() }

    /// Returns the identity in the folder that a run would write to; `nil` when there is none, or
    /// no such folder.
    ///
    /// - Parameter sites: The sites of the queue.
    static func identity(
        of options: OutputOptions, at sites: [Site], in queue: any JobQueue
    ) async throws(QueueError) -> String? {
        var path = options.folder
        if path == nil, sites.count == 1 {
            let settings = try await queue.output(of: sites[0]).settings
            path = settings?.place(from: options.queueFolder)
        }
        guard let path, let folder = try? OutputFolder(path: path, makes: false) else { return nil }
        return (try? folder.identity() ?? folder.draftedIdentity()) ?? nil
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
    ) async throws -> OutputFiles? {
        let found = lease.attachment.output
        guard options.asksForOutput || found.settings != nil else { return nil }
        var plan = try OutputPlan(
            options, found: found, at: found.settings?.place(from: options.queueFolder))
        let folder = try plan.openFolder()
        do {
            try plan.settle(in: folder)
            return try await open(options, plan, in: folder, for: lease, crawl)
        } catch {
            folder.unlock()
            throw error
        }
    }

    private static func open(
        _ options: OutputOptions, _ plan: OutputPlan, in folder: OutputFolder,
        for lease: any RunnerLease, _ crawl: CrawlOptions
    ) async throws -> OutputFiles {
        let rendering = RenderingOptions(
            keepsBodies: plan.settings.keepsBodies, software: crawl.fetch.userAgent)
        let budget = MemoryBudget.make(bytesMax: options.memoryBytesMax, workers: crawl.workers)
        let writer = try OutputWriter(
            folder, plan.current, plan.format, plan.settings, rendering, budget: budget)
        let changed = try await writer.seal(plan.changed, of: options.formats)
        // Recorded before anything is made, so that no kill leaves a file that the queue does not
        // know.
        try folder.prepareClaim(as: plan.settings.identity)
        try await lease.keepOutput(plan.settings, changed)
        try folder.claim()
        try await writer.committed()
        if plan.isCurrentThere { try await writer.resume() }
        var notes = plan.notes
        let unrecorded =
            lease.attachment.unrecorded ?? lease.attachment.counts.completed
        if lease.attachment.output.settings == nil, unrecorded > 0 {
            notes.append(
                "\(unrecorded) jobs were completed before there was an output, and are not in it")
        }
        let new = Set(changed.map(\.id))
        let sealed =
            lease.attachment.output.files.filter { $0.isSealed && !new.contains($0.id) }
            + changed.filter(\.isSealed)
        let left = sealed.count { !$0.isHandedOver && $0.bytes > 0 }
        if options.sealedFileCommand == nil, left > 0, sealed.contains(where: \.isHandedOver) {
            notes.append(
                "\(left) sealed output files were not handed over, unlike others before them, and no command is given now"
            )
        }
        var inherited: [SealedFile] = []
        if options.sealedFileCommand != nil {
            let found = Self.inherited(
                try await lease.inheritedFiles(), queueFolder: options.queueFolder)
            inherited = found.files
            notes += found.notes
        }
        return OutputFiles(
            notes: notes, settings: plan.settings,
            storage: CaptureStorage(
                budget: budget, spool: Spool { folder.descriptor }, folder: folder.path),
            sealed: inherited + sealed.map { SealedFile(file: $0, folder: folder.path) },
            format: plan.format, rendering: rendering,
            writer: writer)
    }
}
