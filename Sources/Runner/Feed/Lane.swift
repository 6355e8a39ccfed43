internal import JobStore

/// The ready jobs of one host, and whether that host is in reach. Pure.
///
/// Batches of one host share a lane. A batch whose jobs go to many hosts has a lane of its own,
/// whose breaker never trips: there a host that is out of reach says nothing about the others.
struct Lane {
    let host: Host
    private var fresh = SpanQueue()
    private var due = SpanQueue()
    var breaker = Breaker()
    /// Jobs that were handed out and whose attempts have not ended.
    private(set) var inFlight = 0
    /// The message of the last attempt that could not reach the host.
    private(set) var message = ""
    /// The number of attempts in which the host had a part, however they ended.
    private var answers: UInt32 = 0
    /// Whether the lane has its place in the feed's order.
    var isQueued = false
    /// The batches, but for lists, whose segments were claimed and which have jobs here.
    private(set) var batches: Set<Batch.ID> = []
    /// The jobs of lists among those that are ready for their first attempt.
    private(set) var listed = 0

    init(host: Host) { self.host = host }

    var ready: Int { fresh.count + due.count }
    var dueCount: Int { due.count }
    /// Whether nothing would be lost if the lane were dropped.
    var isAtRest: Bool { ready == 0 && inFlight == 0 && breaker.isAtRest }

    /// The time in µs on the monotonic clock when the host may be tried again, 0 when that is now;
    /// `nil` when no job is ready or enough probes are in flight.
    var nextProbeMicros: Int? {
        if let until = breaker.pausedUntilMicros { return until }
        return ready > 0 && inFlight < Breaker.probes ? 0 : nil
    }

    mutating func add(fresh span: JobSpan) {
        fresh.append(span)
        if span.isParkable {
            listed += span.count
        } else if !span.chunk.isOfList {
            batches.insert(span.chunk.batch.id)
        }
    }

    mutating func add(due span: JobSpan) { due.append(span) }

    /// Moves up to `limit` jobs to `spans`, retries first.
    ///
    /// - Returns: The number of jobs moved.
    mutating func take(_ limit: Int, into spans: inout SpanQueue, at now: Now) -> Int {
        let allowed = breaker.allowed(limit, inFlight: inFlight, at: now)
        var taken = 0
        while taken < allowed, let span = due.take(allowed - taken) ?? takeFresh(allowed - taken) {
            taken += span.count
            spans.append(span)
        }
        if fresh.count == 0 { batches.removeAll(keepingCapacity: true) }
        inFlight += taken
        return taken
    }

    private mutating func takeFresh(_ limit: Int) -> JobSpan? {
        let span = fresh.take(limit)
        if let span, span.isParkable { listed -= span.count }
        return span
    }

    /// Calls `body` with the spans of lists that are ready for their first attempt.
    func forEachListed(_ body: (JobSpan) -> Void) {
        guard listed > 0 else { return }
        for span in fresh.rest where span.isParkable { body(span) }
    }

    /// Takes out spans of lists that pass a test.
    mutating func removeListed(where isUnwanted: (JobSpan) -> Bool) {
        listed -= fresh.removeAll { $0.isParkable && isUnwanted($0) }
    }

    /// Takes in the report of the lane's ended attempts.
    mutating func ended(_ report: TurnReport.HostReport, at now: Now) {
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

    /// Queues a job again that was given back: behind the others, even if it is a retry, so that
    /// jobs for which nothing can be done hold up no others.
    ///
    /// - Parameter answersOfAll: The number of attempts in which any host had a part, where these
    ///   tell of the job's trouble; `nil` where only attempts at the job's own host do.
    mutating func giveBack(_ job: Job, answersOfAll: UInt32? = nil) {
        let answers = answersOfAll ?? answers
        var returns = job.returns
        // Its own trouble, perhaps: other jobs were answered since it came back before.
        if returns.count == 0 || answers != returns.answersBefore { returns.count += 1 }
        returns.answersBefore = answers
        add(
            fresh: JobSpan(
                chunk: job.chunk, first: job.position, count: 1, attempt: job.attempt,
                returns: returns))
    }
}

extension JobSpan {
    /// Whether the jobs are of a segment of a list that may be parked. A retry that was given back
    /// is held by itself.
    fileprivate var isParkable: Bool { attempt == 1 && chunk.isOfList }
}
