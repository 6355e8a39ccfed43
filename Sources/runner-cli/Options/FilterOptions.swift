import ArgumentParser
import JobStore

/// Which jobs a command is about.
struct FilterOptions: ParsableArguments {
    @Option(help: "Jobs in this state; may be given several times.")
    var state: [JobState] = []

    @Option(
        help: ArgumentHelp(
            "Jobs whose last attempt ended so: 200, 404, timeout, ...; may be given several times.",
            valueName: "outcome"),
        transform: Self.outcome)
    var outcome: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Jobs with these IDs: A..B without B (A..<B is the same), A...B with it.",
            valueName: "A..B"),
        transform: JobRange.argument)
    var range: JobRange?

    /// An outcome's label as `status` shows it.
    private static func outcome(_ text: String) throws -> String {
        let isStatus = text.count == 3 && (100...999).contains(Int(text) ?? 0)
        guard isStatus || Outcome.Reason(rawValue: text) != nil else {
            let reasons = Outcome.Reason.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError(
                "'\(text)' is no outcome; give an HTTP status, for example 404, or one of: \(reasons)"
            )
        }
        return text
    }

    var jobFilter: JobFilter {
        JobFilter(
            states: state.isEmpty ? nil : Set(state),
            outcomes: outcome.isEmpty ? nil : Set(outcome),
            ids: range.map { $0.first..<$0.first + $0.count })
    }
}

/// Which jobs are wanted: those that pass all of its conditions.
struct JobFilter {
    /// `nil` here and below: any.
    var states: Set<JobState>?
    /// By their labels.
    var outcomes: Set<String>?
    var ids: Range<Int>?

    /// The IDs of a run's jobs that are wanted; empty when none is.
    func ids(of run: LedgerPage.Run) -> Range<Int> {
        let none = run.ids.lowerBound..<run.ids.lowerBound
        if let states, !states.contains(run.state) { return none }
        if let outcomes {
            guard let outcome = run.outcome, outcomes.contains(outcome.label) else { return none }
        }
        return ids.map { run.ids.clamped(to: $0) } ?? run.ids
    }

    /// Where to read on after `page`: not through the rest of a batch before the first ID wanted,
    /// nor behind the last.
    func place(after page: LedgerPage) -> LedgerPlace? {
        guard let next = page.next, let ids, let batch = page.runs.last?.batch,
            batch.id == next.batchID
        else { return page.next }
        let id = batch.range.first + next.position
        if id < ids.lowerBound {
            // Past the batch's end, perhaps: then the next batch is meant, as below.
            return LedgerPlace(batchID: batch.id, position: ids.lowerBound - batch.range.first)
        }
        if id >= ids.upperBound {
            return LedgerPlace(batchID: batch.id, position: batch.range.count)
        }
        return next
    }
}
