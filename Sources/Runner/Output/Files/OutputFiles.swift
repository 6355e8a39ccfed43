internal import Glibc
public import JobStore

/// A queue's output, opened for a run.
public struct OutputFiles: Sendable {
    /// Notes for the user on the state in which the output was found, a line each.
    public let notes: [String]
    public let settings: OutputSettings
    let format: any OutputFormat
    let writer: OutputWriter
    let limits: SpoolableBytes.Limits
    private let rendering: RenderingOptions

    /// Makes the collector of a loop, which is the loop's side of the output.
    func makeCollector() -> FilesCollector {
        FilesCollector(
            format.makeRenderer(rendering), hasBodyFiles: format.bodies == .inFiles,
            keepsFailures: settings.keepsFailures, budget: limits.budget)
    }

    /// The settings by which transfers keep responses for the sink.
    ///
    /// - Parameter failed: Called when a head or body could not be kept.
    func keeping(
        failed: @escaping @Sendable (SinkError) -> Void
    ) -> TransferSettings.Keeping {
        TransferSettings.Keeping(
            limits: limits,
            keepsBodies: settings.keepsBodies && format.needs.contains(.bodies),
            isEncodingKept: format.needs.contains(.encoding),
            archivesRedirects: format.needs.contains(.redirects)
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
    ) async throws -> OutputFiles? {
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
        let rendering = RenderingOptions(
            keepsBodies: plan.settings.keepsBodies, userAgent: crawl.fetch.userAgent,
            acceptEncoding: TransferSettings.encodings(
                isKept: plan.format.needs.contains(.encoding)))
        let budget = MemoryBudget.make(maxBytes: options.maxMemoryBytes, workers: crawl.workers)
        return OutputFiles(
            notes: notes, settings: plan.settings, format: plan.format,
            writer: try OutputWriter(
                folder, plan.current, opened: current, plan.format, plan.settings, rendering,
                budget: budget),
            limits: SpoolableBytes.Limits(budget: budget, spool: Spool { folder.descriptor }),
            rendering: rendering)
    }
}
