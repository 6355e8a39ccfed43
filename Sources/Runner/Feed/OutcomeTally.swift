internal import JobStore

/// The final outcomes that a run has committed, counted. Pure.
struct OutcomeTally {
    /// The number of jobs for each outcome.
    private(set) var totals: [Outcome: Int] = [:]

    mutating func add(_ marks: [Mark]) {
        // Most outcomes are the same as the one before: these are counted without the table.
        var (last, count) = (Outcome?.none, 0)
        for mark in marks where mark.outcome.state != .retrying {
            if let last, last != mark.outcome {
                totals[last, default: 0] += count
                count = 0
            }
            last = mark.outcome
            count += 1
        }
        if let last { totals[last, default: 0] += count }
    }
}
