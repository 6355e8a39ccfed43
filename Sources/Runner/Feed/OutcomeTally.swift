internal import JobStore

/// The attempts that a run has committed, counted by outcome. Pure.
struct OutcomeTally {
    /// The number of attempts for each outcome.
    private(set) var totals: [Outcome: Int] = [:]

    /// The final outcomes, and so the number of jobs for each.
    var ofJobs: [Outcome: Int] { totals.filter { $0.key.state != .retrying } }

    mutating func add(_ marks: [Mark]) {
        // Most outcomes are the same as the one before: these are counted without the table.
        var (last, count) = (Outcome?.none, 0)
        for mark in marks {
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
