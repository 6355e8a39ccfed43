internal import JobStore

/// The jobs of one host that are ready, and whether it is in reach. Pure.
///
/// Batches of one host share a lane; one whose jobs go to many hosts has a lane of its own, whose
/// breaker nobody trips: there a host that is out of reach says nothing of the others.
struct Lane {
    /// Which host: a number for its scheme, name and port (`RunningBatch.laneID`).
    typealias ID = Int

    let host: String
    private var fresh = RunQueue()
    private var due = RunQueue()
    var breaker = Breaker()
    /// Handed out; their attempts have not ended.
    private(set) var inFlight = 0
    /// Why the last attempt that failed could not reach the host.
    private(set) var message = ""
    /// Attempts its host had a part in, however they ended.
    private var answers: UInt32 = 0
    /// Whether it has its place in the feed's order.
    var isQueued = false
    /// Batches whose segments were claimed and have jobs here.
    private(set) var batches: Set<Batch.ID> = []
    /// When so many returns were a job's own, its next attempt counts, whatever becomes of it.
    static let returnsMax = 5

    init(host: String) { self.host = host }

    var ready: Int { fresh.count + due.count }
    var dueCount: Int { due.count }
    /// Whether nothing would be lost with it.
    var isAtRest: Bool { ready == 0 && inFlight == 0 && breaker.isAtRest }

    /// When its host may be tried again, 0 where that takes no waiting; `nil` where nobody could.
    var nextProbeMicros: Int? {
        if let until = breaker.pausedUntilMicros { return until }
        return ready > 0 && inFlight < Breaker.probes ? 0 : nil
    }

    mutating func add(fresh run: JobRun) {
        fresh.append(run)
        batches.insert(run.batch.id)
    }

    mutating func add(due run: JobRun) { due.append(run) }

    /// Moves up to `limit` jobs to `runs`, retries first.
    ///
    /// - Returns: How many.
    mutating func take(_ limit: Int, into runs: inout RunQueue, at now: Now) -> Int {
        let allowed = breaker.allowed(limit, inFlight: inFlight, at: now)
        var taken = 0
        while taken < allowed, let run = due.take(allowed - taken) ?? fresh.take(allowed - taken) {
            taken += run.count
            runs.append(run)
        }
        if fresh.count == 0 { batches.removeAll(keepingCapacity: true) }
        inFlight += taken
        return taken
    }

    /// Takes in what ended of it.
    mutating func ended(_ report: TurnReport.LaneReport, at now: Now) {
        inFlight -= report.ended
        answers &+= UInt32(truncatingIfNeeded: report.answered)
        if !report.message.isEmpty { message = report.message }
        if report.answered > 0 {
            breaker.answered()
        } else if report.unreachable > 0 || report.local > 0 && breaker.isTripped {
            // A probe that this machine could not make is none: it must not go on being the first.
            breaker.failed(report.unreachable, at: now)
        }
    }

    /// Has a job that was given back come again: after the others, even if it is a retry, so that
    /// jobs nothing can be done for hold none of them up.
    ///
    /// - Parameter answersOfAll: Attempts any host had a part in, where they tell of the job's trouble;
    ///   `nil` where only those of its own host do.
    mutating func giveBack(_ job: Job, answersOfAll: UInt32? = nil) {
        let answers = answersOfAll ?? answers
        var returns = job.returns
        // Its own trouble, perhaps: other jobs were answered since it came back before.
        if returns.count == 0 || answers != returns.answersBefore { returns.count += 1 }
        returns.answersBefore = answers
        add(
            fresh: JobRun(
                batch: job.batch, first: job.position, count: 1, attempt: job.attempt,
                returns: returns))
    }
}
