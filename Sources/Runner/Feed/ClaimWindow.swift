internal import JobStore

/// The number of jobs below which a run claims more, and as many at a time. Pure.
///
/// A run that has its queue for itself keeps some thousands, so that it never waits for the queue.
/// Where others work on the queue, too, what a run holds is what they cannot have, however little
/// they have to do: it keeps no more than lasts it for a time, by the rate of its own jobs. As that
/// rate is not known before, it begins with few, and has twice as many with each claim until it is.
struct ClaimWindow {
    private(set) var jobs: Int
    private let most: Int
    /// The time in µs for which the jobs are to last; `nil` where the run has the queue for itself.
    private let holdMicros: Int?
    /// Attempts that have ended since the last change.
    private var ended = 0
    private var sinceMicros: Int?

    /// The shortest time in µs by which a rate is told, unless half of the jobs have ended before.
    private static let lookMicros = 1_000_000
    /// The jobs that a run may always keep: a question to the queue for each would cost more.
    private static let least = 64

    init(_ limits: JobFeed.Limits) {
        holdMicros = limits.holdMicros
        most = limits.ready
        jobs = most
        if holdMicros != nil { jobs = least(workers: limits.workers) }
    }

    /// The jobs that are kept at any rate: a worker has its next job at hand.
    private func least(workers: Int) -> Int { min(most, max(Self.least, 2 * min(workers, most))) }

    /// The most jobs of a segment that is claimed.
    var segmentJobsMax: Int {
        holdMicros == nil ? Segment.countMax : min(jobs, Segment.countMax)
    }

    /// Takes in that attempts have ended.
    mutating func ended(_ count: Int) { ended += count }

    /// Takes in that the run claims.
    ///
    /// - Parameter workers: The most requests in flight.
    mutating func claims(workers: Int, at now: Now) {
        guard let holdMicros else { return }
        guard let since = sinceMicros else {
            (ended, sinceMicros) = (0, now.monotonicMicros)
            return
        }
        let micros = max(1, now.monotonicMicros - since)
        let isLong = micros >= Self.lookMicros
        guard isLong || ended >= jobs / 2 else { return }
        let lasting = Double(ended) * Double(holdMicros) / Double(micros)
        let upper = isLong ? most : min(2 * jobs, most)
        let lower = min(max(jobs / 2, least(workers: workers)), upper)
        jobs = lasting >= Double(upper) ? upper : max(Int(lasting), lower)
        (ended, sinceMicros) = (0, now.monotonicMicros)
    }
}
