public import JobStore

/// Checks a whole queue: the queue by itself, its output files, and that each completed job is in
/// them once.
///
/// The check only reads, also while a run works on the queue, and no run makes it find a false
/// fault:
/// - Files are read up to a length that the queue has recorded, which no run takes back.
/// - The state of a job is read after that length, and a completed job stays completed. So a record
///   within the length is of a job that is seen to be completed.
/// - A failed job may be put back, at any time: then the record of its failure is superseded, and
///   the queue has counted it before.
/// - Jobs completed since have no record within the length. So once the states of all jobs were
///   read, the length is read again, and the records appended meanwhile are read, too. Only a job
///   that has no record there either is missing. Jobs that are seen to be completed after that may
///   have a record, and need none.
/// - The folder is listed first, and compared with the files that the queue records last.
public struct OutputAudit: Sendable {
    private let ledger: any JobLedger
    private let folders: [Site: String]
    private let formats: OutputFormats

    /// - Parameters:
    ///   - folders: Where the outputs of sites are now; the others are where the queue has them.
    ///   - formats: The formats that can be read.
    public init(
        ledger: any JobLedger, folders: [Site: String] = [:], formats: OutputFormats = .standard
    ) {
        self.ledger = ledger
        self.folders = folders
        self.formats = formats
    }

    /// The output of a site while it is checked.
    private struct AuditedSite {
        let site: Site
        let folder: AuditedFolder
        /// The output when its files were read first.
        let first: QueueOutput
    }

    /// Checks everything. Memory grows only with jobs whose records are out of order (`SeenJobs`).
    ///
    /// Files are read on the thread that calls, for as long as that takes: the check is for a
    /// program that does nothing else meanwhile.
    ///
    /// - Throws: `QueueError` when the queue cannot be read. Faults are in the report.
    public func run() async throws(QueueError) -> AuditReport {
        var report = AuditReport()
        let checked = try await check(without: [], &report)
        guard report.hasOutput else {
            report.note("the queue keeps no responses: it was checked alone")
            return report
        }
        if Self.judge(checked.jobs, &report) {
            Self.judgeMissing(checked.jobs, completedBefore: checked.completedBefore, &report)
        }
        return report
    }

    /// Whether a folder is here that says to be the one with an identity.
    public static func holds(_ identity: String, at path: String) -> Bool {
        guard !identity.isEmpty, let folder = try? OutputFolder(path: path, makes: false),
            let found = try? folder.identity()
        else { return false }
        return found == identity
    }

    /// Finds the completed jobs whose records are in the folders of some sites alone, by reading all
    /// other folders as `run` does; runs may write to these meanwhile.
    ///
    /// It is exact when nothing was written to the sites since the call began, and no jobs are put
    /// back meanwhile that are completed. Memory grows with the jobs that are found, by two bits
    /// each.
    ///
    /// - Throws: As `run` does.
    public func lost(with sites: [Site]) async throws(QueueError) -> LostJobs {
        var report = AuditReport()
        let checked = try await check(without: Set(sites), &report)
        _ = Self.judge(checked.jobs, &report)
        return LostJobs(
            report: report, completedBefore: checked.completedBefore,
            jobs: checked.jobs.completedJobs)
    }

    /// Reads the files of all sites but some, and the states of all jobs.
    private func check(
        without left: Set<Site>, _ report: inout AuditReport
    ) async throws(QueueError) -> (jobs: JobCheck, completedBefore: Int) {
        report.blame(.queue, try await ledger.verify(), more: "more faults of the queue")
        var sites = try await openSites(without: left)
        // Records of two sites are in no order.
        var jobs = JobCheck(ledger, isOrdered: sites.count == 1)
        report.hasOutput = !sites.isEmpty
        guard report.hasOutput || !left.isEmpty else { return (jobs, 0) }
        var known: [Site: [Int: OutputFile]] = [:]
        for site in sites {
            for file in site.first.files {
                known[site.site, default: [:]][file.id] = try await site.folder.read(
                    file, since: nil, site.first.settings, &jobs, &report)
            }
        }
        try await jobs.learnTheRest()

        // A run that began meanwhile may write to a folder of its own.
        let more = try await openSites(without: left.union(sites.map(\.site)))
        if !more.isEmpty { jobs.isOrdered = false }
        sites += more
        let counts = try await ledger.counts()
        let isLive = !counts.runs.isEmpty || !counts.isRunKnown
        jobs.beginPass()
        var completedBefore = 0
        for site in sites {
            let last = try await ledger.output(of: site.site)
            let known = known[site.site] ?? [:]
            for file in last.files where file != known[file.id] {
                _ = try await site.folder.read(
                    file, since: known[file.id], last.settings, &jobs, &report)
            }
            site.folder.close(last, isLive: isLive, &report)
            if !isLive { try await site.folder.noteRest(behind: last, &report) }
            completedBefore += last.completedBefore
        }
        for site in left { completedBefore += try await ledger.output(of: site).completedBefore }
        try await jobs.settle()
        report.superseded = jobs.superseded
        return (jobs, completedBefore)
    }

    /// Lists the folders of all sites but some, and only then asks what the queue has recorded of
    /// each.
    private func openSites(
        without left: Set<Site>
    ) async throws(QueueError) -> [AuditedSite] {
        var found: [(site: Site, path: String)] = []
        for site in try await ledger.sites() where !left.contains(site) {
            let recorded = try await ledger.output(of: site).settings?.folder
            if let path = folders[site] ?? recorded { found.append((site, path)) }
        }
        var opened: [AuditedSite] = []
        for (site, path) in found {
            let folder = AuditedFolder(
                path: path, formats, of: site, in: ledger, isOnly: left.isEmpty && found.count == 1)
            opened.append(
                AuditedSite(
                    site: site, folder: folder, first: try await ledger.output(of: site)))
        }
        return opened
    }

    /// Reports records that do not agree with the queue.
    ///
    /// - Returns: Whether records were compared with the queue at all.
    private static func judge(_ jobs: JobCheck, _ report: inout AuditReport) -> Bool {
        if let damage = jobs.damage {
            // Most of what follows would be wrong.
            report.blame(
                .queue, "jobs were not compared with the output: \(damage.description)",
                remedy: damage.remedy)
            return false
        }
        let (doubled, wrong) = (jobs.doubled, jobs.wrong)
        if doubled.count > 0 {
            report.blame(
                .jobs, "jobs with more than one record (\(doubled.count) too many): \(doubled.text)"
            )
        }
        if wrong.count > 0 {
            report.blame(
                .jobs,
                "records of jobs that are not completed, or not failed where they say so (\(wrong.count)): \(wrong.text)"
            )
        }
        return true
    }

    /// Reports completed jobs that have no record.
    ///
    /// - Parameter before: The jobs that need none.
    private static func judgeMissing(
        _ jobs: JobCheck, completedBefore before: Int, _ report: inout AuditReport
    ) {
        let missing = jobs.missing
        if missing.count > before {
            let excused =
                before == 0
                ? "" : "; \(before) of them may have been completed before there was an output"
            report.blame(
                .jobs,
                "completed jobs not found in the output (\(missing.count)): \(missing.text)\(excused)"
            )
        } else if missing.count > 0 {
            report.note(
                "jobs completed before there was an output, and so not in it (\(missing.count)): \(missing.text)"
            )
        }
    }
}
