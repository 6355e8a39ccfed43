import ArgumentParser
import JobStore

/// The options that select the jobs of a command.
struct FilterOptions: ParsableArguments {
    @Option(help: "Jobs in this state; may be given several times.")
    var state: [JobState] = []

    @Option(
        help: ArgumentHelp(
            "Jobs whose last attempt ended so: 200, 404, timeout, ...; may be given several times.",
            valueName: "outcome"),
        transform: Self.outcome)
    var outcome: [String] = []

    @OptionGroup var range: IDRangeOption

    /// Checks an outcome's label, which is written as `status` shows it.
    private static func outcome(_ text: String) throws -> String {
        let isStatus = text.count == 3 && (100...999).contains(Int(text) ?? 0)
        let pattern = OutcomePattern(text)
        let isReason = if case .reason = pattern { true } else { false }
        let isNamed = if case .handlerReason = pattern { true } else { false }
        guard isStatus || isReason || isNamed else {
            let reasons = Outcome.Reason.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError(
                "'\(text)' is no outcome; give an HTTP status, for example 404, a handler's own reason, for example handler:sold_out, or one of: \(reasons)"
            )
        }
        return text
    }

    var jobFilter: JobFilter {
        JobFilter(
            states: state.isEmpty ? nil : Set(state),
            outcomes: outcome.isEmpty ? nil : Set(outcome),
            ids: range.ids)
    }
}

/// A filter of jobs: a job must pass all of its conditions.
struct JobFilter {
    /// The wanted states; `nil`, here and below, means any.
    var states: Set<JobState>?
    /// The labels of the wanted outcomes.
    var outcomes: Set<String>?
    var ids: Range<Int>?

    /// Returns the positions of the wanted jobs of a span; empty when none is wanted.
    func positions(of span: LedgerPage.Span) -> Range<Int> {
        let none = span.positions.lowerBound..<span.positions.lowerBound
        if let states, !states.contains(span.state) { return none }
        if let outcomes {
            guard let outcome = span.outcome,
                outcomes.contains(outcome.label)
                    || outcome.reason.map({ outcomes.contains($0.rawValue) }) ?? false
            else { return none }
        }
        return ids.map { span.positions.clamped(to: span.batch.positions(of: $0)) }
            ?? span.positions
    }

    /// Returns the place to read on at after `page`; `nil` at the end. In the batch that `page`
    /// ends in, jobs before the first wanted ID and behind the last are not read through.
    func place(after page: LedgerPage) -> LedgerPlace? {
        guard let next = page.next, let ids, let batch = page.spans.last?.batch,
            batch.id == next.batchID
        else { return page.next }
        let wanted = batch.positions(of: ids)
        if next.position >= wanted.upperBound {
            // Past the batch's end: the next batch is meant.
            return LedgerPlace(batchID: batch.id, position: batch.count)
        }
        return LedgerPlace(batchID: batch.id, position: max(next.position, wanted.lowerBound))
    }
}
