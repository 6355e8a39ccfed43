/// A selection of failed jobs: a job must meet all of its conditions.
public struct FailedJobs: Equatable, Sendable {
    /// The outcomes of the jobs, any of them; `nil` for all.
    public var outcomes: [OutcomePattern]?
    /// The batch of the jobs; `nil` for all.
    public var batch: Batch.ID?
    /// The IDs of the jobs; `nil` for all.
    public var ids: Range<Int>?
    /// The host that the jobs' URLs name; `nil` for all.
    public var host: HostPattern?

    /// Selects all failed jobs.
    public init() {}

    /// Whether jobs with an outcome are selected, as far as the outcome is concerned.
    public func wants(_ outcome: Outcome) -> Bool {
        outcome.state == .failed && outcomes?.contains { $0.matches(outcome) } ?? true
    }

    /// Returns the positions of a batch's jobs that may be selected, by batch and IDs alone.
    public func positions(in batch: Batch) -> Range<Int> {
        guard self.batch == nil || self.batch == batch.id else { return 0..<0 }
        return ids.map { batch.positions(of: $0) } ?? 0..<batch.count
    }
}

extension JobLedger {
    /// Calls a function with spans of failed jobs, in the order the jobs were enqueued. Only runs of
    /// jobs that are selected are in the spans.
    ///
    /// The queue is read in pages: each span is as of the time when its page was read, and memory
    /// does not grow with the jobs. Jobs outside the selected batch and IDs are skipped.
    public func forEachFailed(
        _ selection: FailedJobs, _ body: (LedgerPage.Span) async throws -> Void
    ) async throws {
        var hosts = JobHosts(self)
        var place: LedgerPlace? = LedgerPlace(batchID: selection.batch ?? 0, position: 0)
        while let from = place {
            let page = try await page(from: from)
            for span in page.spans {
                guard let outcome = span.outcome, span.state == .failed, selection.wants(outcome)
                else { continue }
                let positions = span.positions.clamped(to: selection.positions(in: span.batch))
                let runs = try await hosts.runs(
                    of: positions, in: span.batch, on: selection.host)
                for run in runs {
                    try await body(
                        .init(
                            batch: span.batch, positions: run, state: span.state,
                            outcome: outcome))
                }
            }
            place = selection.place(after: page)
        }
    }
}

extension FailedJobs {
    /// The place to read on at after a page; `nil` at the end. In the batch that the page ends in,
    /// jobs before the first selected ID and behind the last are not read through.
    fileprivate func place(after page: LedgerPage) -> LedgerPlace? {
        guard let next = page.next else { return nil }
        if let batch, next.batchID > batch { return nil }
        guard ids != nil, let batch = page.spans.last?.batch, batch.id == next.batchID else {
            return next
        }
        let wanted = positions(in: batch)
        if next.position >= wanted.upperBound {
            // Past the batch's end: the next batch is meant.
            return LedgerPlace(batchID: batch.id, position: batch.count)
        }
        return LedgerPlace(batchID: batch.id, position: max(next.position, wanted.lowerBound))
    }
}
