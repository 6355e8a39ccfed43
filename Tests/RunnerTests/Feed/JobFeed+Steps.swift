import JobStore

@testable import Runner

/// What tests have a feed go through, in as few words as it takes.
extension JobFeed {
    /// A claim that brought these positions.
    mutating func claimed(_ todo: Range<Int>..., at now: Now) {
        claimed([Segment(batch: .sample(), todo: todo)], of: .sample, at: now)
    }

    mutating func claimed(_ segments: [Segment], of batch: RequestChunk, at now: Now) {
        add(Claim(segments: segments, next: .now), { _ in batch }, at: now)
    }

    /// A claim that found nothing.
    mutating func claimedNothing(_ next: Claim.Next = .finished, at now: Now) {
        add(Claim(segments: [], next: next), { _ in .sample }, at: now)
    }

    /// A claim of due retries: positions with the attempts made so far.
    mutating func claimedRetries(
        _ jobs: [(position: Int, attempts: Int)], next: Duration? = nil, at now: Now = .at(ms: 0)
    ) {
        let jobs = jobs.map {
            DueRetry(batch: .sample(), position: $0.position, attempts: $0.attempts)
        }
        add(RetryClaim(jobs: jobs, nextDue: next), { _ in .sample }, at: now)
    }

    mutating func take(_ limit: Int, at now: Now) -> [Job] {
        var runs = SpanQueue()
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

    mutating func marked(
        _ jobs: [Job], _ outcome: Outcome, wait: Duration = .zero, at now: Now = .at(ms: 0)
    ) {
        marked(jobs.map { $0.mark(outcome, wait: wait) }, at: now)
    }

    /// The whole way of a job up to its mark.
    mutating func finished(
        _ jobs: [Job], _ outcome: Outcome, wait: Duration = .zero, at now: Now
    ) {
        answered(jobs, at: now)
        marked(jobs, outcome, wait: wait, at: now)
    }
}

extension SpanQueue {
    mutating func popAll() -> [Job] {
        var jobs: [Job] = []
        while let job = popFirst() { jobs.append(job) }
        return jobs
    }
}
