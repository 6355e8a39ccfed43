internal import JobStore

/// The final outcomes that a run has committed, counted. Pure.
struct OutcomeTally {
    private var counts: [Outcome: Int] = [:]
    /// The outcome of the last mark with the number of marks in a row that had it, since most
    /// outcomes are the same as the one before.
    private var last: (outcome: Outcome, count: Int)?

    mutating func add(_ mark: Mark) {
        guard mark.outcome.state != .retrying else { return }
        if last?.outcome == mark.outcome {
            last?.count += 1
        } else {
            flush()
            last = (mark.outcome, 1)
        }
    }

    private mutating func flush() {
        if let last { counts[last.outcome, default: 0] += last.count }
        last = nil
    }

    /// The number of jobs for each outcome.
    var totals: [Outcome: Int] {
        var tally = self
        tally.flush()
        return tally.counts
    }
}
