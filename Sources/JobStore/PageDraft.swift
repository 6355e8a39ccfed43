/// The spans of a page while they are gathered; neighbouring spans with the same state and outcome
/// become one.
package struct PageDraft {
    package private(set) var spans: [LedgerPage.Span] = []
    /// The number of spans that were added, even if they became one; it bounds the cost of a page.
    private var added = 0

    package init() {}

    /// Whether the page ends after the current span or segment, which adds 4,096 spans at most.
    package var isFull: Bool { added >= 4096 }

    package mutating func add(
        _ batch: Batch, _ positions: Range<Int>, _ state: JobState, _ outcome: Outcome?
    ) {
        added += 1
        // Being cancelled is no outcome of an attempt.
        let outcome = state == .cancelled ? nil : outcome
        let last = spans.count - 1
        // Each looked at in place: a copy of a span would count its batch's references.
        if last >= 0, spans[last].positions.upperBound == positions.lowerBound,
            spans[last].state == state, spans[last].outcome == outcome,
            spans[last].batch.id == batch.id
        {
            let positions = spans[last].positions.lowerBound..<positions.upperBound
            spans[last] = .init(batch: batch, positions: positions, state: state, outcome: outcome)
        } else {
            spans.append(.init(batch: batch, positions: positions, state: state, outcome: outcome))
        }
    }
}

extension JobState {
    /// The state of a job that no runner holds.
    ///
    /// - Parameter outcome: The outcome of the last attempt; `nil` for none.
    package init(unheld outcome: Outcome?) {
        self =
            switch outcome?.state {
            case nil: .available
            case .retrying: .retrying
            case .completed: .completed
            case .failed: .failed
            case .cancelled: .cancelled
            }
    }
}
