import JobStore

@testable import Runner

/// What tests have a feed go through, in as few words as it takes.
extension JobFeed {
    /// A claim that brought these positions.
    mutating func claimed(_ todo: Range<Int>..., at now: Now) {
        add([Segment(batch: .sample(), todo: todo)], { _ in .sample }, at: now)
    }

    mutating func claimedNothing(at now: Now) { add([], { _ in .sample }, at: now) }

    /// A claim of due retries: positions with the attempts made so far.
    mutating func claimedRetries(_ jobs: [(position: Int, attempts: Int)], next: Int? = nil) {
        let jobs = jobs.map {
            DueRetry(batch: .sample(), position: $0.position, attempts: $0.attempts)
        }
        add(RetryClaim(jobs: jobs, nextDueMicros: next), { _ in .sample })
    }

    mutating func take(_ limit: Int, at now: Now) -> [Job] {
        var runs = RunQueue()
        let count = take(limit, into: &runs, at: now)
        precondition(count == runs.count, "take tells how many jobs it gave")
        return runs.popAll()
    }

    /// Attempts that were answered.
    mutating func answered(_ jobs: [Job], at now: Now) {
        ended(.answered(jobs), at: now)
    }

    mutating func givenBack(_ jobs: [Job], at now: Now) {
        ended(.givenBack(jobs), at: now)
    }

    mutating func marked(_ jobs: [Job], _ outcome: Outcome, notBeforeMicros: Int = 0) {
        marked(jobs.map { $0.mark(outcome, notBeforeMicros: notBeforeMicros) })
    }

    /// The whole way of a job up to its mark.
    mutating func finished(_ jobs: [Job], _ outcome: Outcome, notBefore: Int = 0, at now: Now) {
        answered(jobs, at: now)
        marked(jobs, outcome, notBeforeMicros: notBefore)
    }
}

extension RunQueue {
    mutating func popAll() -> [Job] {
        var jobs: [Job] = []
        while let job = popFirst() { jobs.append(job) }
        return jobs
    }
}
