public import JobStore

/// The completed jobs of a queue whose records are lost with the folders of some of its sites
/// (`OutputAudit.lost`).
public struct LostJobs: Sendable {
    /// The findings in the other folders. With a fault among them, more jobs may be told here than
    /// are lost.
    public let report: AuditReport
    /// The jobs that were completed before there was an output. They have no record, and nobody can
    /// tell them from those that are lost.
    public let completedBefore: Int
    private let jobs: SeenJobs

    /// The number of the jobs.
    public var count: Int { jobs.missingCount }

    init(report: AuditReport, completedBefore: Int, jobs: SeenJobs) {
        self.report = report
        self.completedBefore = completedBefore
        self.jobs = jobs
    }

    /// Calls a function with the jobs in their order, some at a time: a batch, and the positions of
    /// some of its jobs as rising runs.
    public func forEachWindow(
        _ body: (Batch.ID, [Range<Int>]) async throws -> Void
    ) async throws {
        for window in jobs.windowsOfMissing {
            try await body(window.batchID, jobs.missing(in: window))
        }
    }
}
