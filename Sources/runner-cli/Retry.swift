import ArgumentParser
import JobStore
import Stores

struct Retry: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put failed jobs back, to be fetched again; during a run too.",
        discussion: """
            Failed jobs that are selected become available, as if they had never been
            tried; the run that is going on takes them, or the next one. A job must meet
            all of the conditions given; --all is all failed jobs. Jobs of cancelled
            batches stay failed. Records of their failures stay in the output, and later
            ones supersede them. Killed half-way, the next retry or run does the rest.

            EXAMPLES
              runner retry --outcome 5xx,timeout
              runner retry --host api.example.com --batch sitemap
              runner retry --all --dry-run
            """)

    @OptionGroup var queue: QueueOptions
    @OptionGroup(title: "Only these jobs") var failed: FailedOptions

    @Flag(help: "All failed jobs.")
    var all = false

    @Flag(name: .customLong("dry-run"), help: "Count the jobs, and change nothing.")
    var isDry = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard !all || !failed.areGiven else {
            throw ValidationError("--all is all failed jobs; leave it out to select some")
        }
    }

    func execute() async throws -> ExitStatus {
        let report = isDry ? try await count() : try await putBack()
        try Terminal.output(json ? try JSON.text(report) : report.text(of: queue.path))
        return .done
    }

    private func count() async throws -> RetryReport {
        let store = try openLedger(at: queue.location)
        do {
            let jobs = try await selection(in: store)
            let count = try await FailedCount(of: jobs, in: store)
            await store.close()
            return RetryReport(
                jobs: count.jobs, ofCancelled: count.ofCancelled, isDry: true, isRunLive: false)
        } catch {
            await store.close()
            throw error
        }
    }

    private func putBack() async throws -> RetryReport {
        let store = try openQueue(at: queue.location)
        do {
            let report = try await putBack(in: store)
            await store.close()
            return report
        } catch {
            await store.close()
            throw error
        }
    }

    /// Puts back the jobs that are selected.
    func putBack(in store: any JobQueue) async throws -> RetryReport {
        let jobs = try await selection(in: store)
        let count = try await store.putBack(jobs)
        // What else is left has failed again.
        let left = try await FailedCount(of: jobs, in: store, onlyCancelled: true)
        let isRunLive = !(try await store.counts().runs.isEmpty)
        return RetryReport(
            jobs: count, ofCancelled: left.ofCancelled, isDry: false, isRunLive: isRunLive)
    }

    private func selection(in store: any JobLedger) async throws -> FailedJobs {
        guard failed.areGiven || all else {
            let known = try await store.counts().failedGroups
            let outcomes = known.prefix(10).map { "\($0.label) (\(Format.count($0.count)))" }
            let more = known.count > 10 ? ", ..." : ""
            throw ValidationError(
                "tell which failed jobs are to be put back with --outcome, --host, --batch or --range, or give --all; "
                    + (known.isEmpty
                        ? "none has failed"
                        : "they failed as \(outcomes.joined(separator: ", "))\(more)"))
        }
        return try await failed.selection(in: store)
    }
}

extension QueueCounts {
    /// The outcomes of failed jobs, the most frequent first.
    var failedGroups: [Group] { outcomes.filter { $0.state == .failed } }
}

/// The number of selected failed jobs.
struct FailedCount {
    /// Jobs that can be put back.
    private(set) var jobs = 0
    /// Jobs of cancelled batches, which cannot.
    private(set) var ofCancelled = 0

    /// - Parameter onlyCancelled: Whether to leave out batches whose jobs can be put back. To count
    ///   the jobs of a host, those of a list are read.
    init(
        of selection: FailedJobs, in ledger: any JobLedger, onlyCancelled: Bool = false
    ) async throws {
        var next: Batch.ID? = selection.batch ?? 0
        while let from = next {
            let page = try await ledger.batches(from: from)
            for summary in page.summaries
            where selection.batch.map({ $0 == summary.batch.id }) ?? true
                && !(onlyCancelled && summary.cancelledAtMicros == nil)
            {
                let count = try await summary.failedCount(of: selection, in: ledger)
                if summary.cancelledAtMicros == nil { jobs += count } else { ofCancelled += count }
            }
            next = selection.batch == nil ? page.next : nil
        }
    }
}

extension BatchSummary {
    /// The number of the batch's failed jobs that are selected: from its totals, where these say
    /// enough.
    func failedCount(of selection: FailedJobs, in ledger: any JobLedger) async throws -> Int {
        let groups = counts.failedGroups.filter { group in
            selection.outcomes?.contains { $0.matches(label: group.label) } ?? true
        }
        let total = groups.reduce(0) { $0 + $1.count }
        let isOnHost = selection.host.map { host in
            batch.hostOfTemplate.map { host.matches($0) }
        }
        if total == 0 || isOnHost == .some(false) { return 0 }
        let isHostKnown = selection.host == nil || isOnHost == .some(true)
        if isHostKnown, selection.positions(in: batch) == 0..<batch.count { return total }
        var alone = selection
        alone.batch = batch.id
        var count = 0
        try await ledger.forEachFailed(alone) { count += $0.positions.count }
        return count
    }
}

/// The result of `retry`; the JSON is a contract (docs/CLI.md).
struct RetryReport: Encodable {
    let jobs: Int
    /// Selected jobs that stay failed since their batch was cancelled.
    let ofCancelled: Int
    let isDry: Bool
    let isRunLive: Bool

    private enum CodingKeys: String, CodingKey {
        case jobs
        case ofCancelled = "of_cancelled"
        case isDry = "dry_run"
    }

    func text(of queue: String) -> String {
        let count = Format.count(jobs)
        let rest =
            ofCancelled == 0
            ? "" : "; \(Format.count(ofCancelled)) of cancelled batches stay failed"
        if isDry { return "\(count) failed jobs of \(queue) would be put back\(rest)" }
        let next =
            jobs == 0
            ? "" : isRunLive ? "; the run that is going on takes them" : "; run again to fetch them"
        return "put back \(count) failed jobs of \(queue)\(rest)\(next)"
    }
}
