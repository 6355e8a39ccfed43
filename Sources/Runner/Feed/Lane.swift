internal import JobStore

/// The ready jobs of one host, and whether that host is in reach. Pure.
///
/// Batches of one host share a lane. A batch whose jobs go to many hosts has a lane of its own,
/// whose breaker never trips: there a host that is out of reach says nothing about the others.
final class Lane {
    let host: Host
    private var jobs = LaneJobs()
    var breaker = Breaker()
    private(set) var pacing: Pacing
    private var denials = DenialStreak()
    /// Jobs of which the first attempt was refused, or failed in the server.
    private var failedJobs = 0
    private var hasAnsweredWell = false
    /// Whether the lane keeps to its host's pace, or is held up by denials.
    private let adapts: Bool
    private let stopsOnDenials: Bool
    /// Jobs that wait in the queue for what is the host's doing.
    private(set) var heldInQueue = 0
    /// Jobs that wait in the queue for their retry, for whatever reason, as far as is known.
    private var retriesInQueue = 0
    /// The time in µs on the monotonic clock before which the host's pace lets nothing out; `nil`
    /// when it lets something out.
    private(set) var restUntilMicros: Int?
    /// Jobs that were handed out and whose attempts have not ended.
    private(set) var inFlight = 0
    /// The most jobs in flight at once; `.max` where there is no such bound.
    private(set) var inFlightMax = Int.max
    /// The bound that a rule, or a wish while the run goes on, sets for the host; `nil` for none.
    private var ownInFlightMax: Int?
    /// Whether the lane is of a single host, so that limits of hosts hold for it.
    private let hasOneHost: Bool
    private var occupancy = Occupancy()
    /// The pace as of the last change; always quick where jobs in flight have no bound.
    private(set) var pace = Pace.quick
    /// The message of the last attempt that could not reach the host.
    private(set) var message = ""
    /// The number of attempts in which the host had a part, however they ended.
    private(set) var answers: UInt32 = 0
    /// Whether the host had a part in any attempt.
    private var isProven = false
    /// The attempts of the lane, for people to see.
    private(set) var tally = HostTally()
    /// Whether the lane has its place in an order of the feed.
    var isQueued = false
    /// The time in µs on the monotonic clock when the feed looks at the lane next; `.max` for never.
    var lookMicros = Int.max
    /// The time in µs on the monotonic clock when the feed tries the host, which is out of reach,
    /// next; `.max` for never.
    var probeMicros = Int.max

    /// The speed at which a host lets workers go.
    enum Pace: Int, CaseIterable {
        case quick
        /// Nothing is known yet.
        case untried
        /// A job takes longer than `Occupancy.slowMicros`.
        case slow
    }

    /// - Parameter pace: The pace of the host that the queue knows; `nil` for none.
    init(
        host: Host, _ politeness: PolitenessOptions = PolitenessOptions(), pace: KnownPace? = nil,
        hasOneHost: Bool = true, at now: Now
    ) {
        self.host = host
        self.hasOneHost = hasOneHost
        adapts = politeness.adapts
        stopsOnDenials = politeness.stopsOnDenials
        let limits = politeness.limits(of: host.key.name)
        pacing = Pacing(limits, adapts: politeness.adapts, crowd: politeness.sharedCrowd)
        ownInFlightMax = limits.inFlightMax
        inFlightMax = ownInFlightMax ?? .max
        // A lane before this one may have left more than this one knows.
        tellBehaviour()
        guard adapts, let pace else { return }
        if let perSecond = pace.perSecond { pacing.resume(perSecond: perSecond, at: now) }
        if pace.untilMicros > now.monotonicMicros {
            breaker.refused(askedMicros: pace.untilMicros - now.monotonicMicros, at: now)
            message = "it asked to wait"
        }
    }

    var ready: Int { jobs.count }
    /// Ready retries.
    var dueCount: Int { jobs.dueCount }
    /// As `LaneJobs.batches`.
    var batches: Set<Batch.ID> { jobs.batches }
    /// As `LaneJobs.listed`.
    var listed: Int { jobs.listed }
    /// As `LaneJobs.source`.
    var source: ListLane? { jobs.source }
    /// Whether the host is out of reach, or is left alone.
    var isTripped: Bool { breaker.isTripped || isDenied }
    /// Whether the host denied access to so many jobs that it is asked no more.
    var isDenied: Bool { stopsOnDenials && denials.isLong }
    /// The status by which the host denies access.
    var denialStatus: UInt16 { denials.status }
    /// Whether nothing would be lost if the lane were dropped, but the pace. A few failures say
    /// nothing once their jobs are done with.
    var isAtRest: Bool {
        ready == 0 && inFlight == 0 && !isTripped && heldInQueue == 0 && restUntilMicros == nil
            && (breaker.isAtRest || retriesInQueue == 0)
    }
    private var isBounded: Bool { inFlightMax != .max }
    /// The time in µs on the monotonic clock when the lane may hand out more without a word from its
    /// host; `nil` for never.
    var nextRoomMicros: Int? {
        restUntilMicros ?? (inFlight >= pacing.inFlightMax ? pacing.crowdMicros : nil)
    }

    /// The number of jobs that may go out before one comes back. Of a host with a bound, one job
    /// goes first: a host that never answers is to cost one worker, and not as many as the bound.
    private var room: Int {
        let bound = min(isBounded && !isProven ? 1 : inFlightMax, pacing.inFlightMax)
        return bound == .max ? .max : max(0, bound - inFlight)
    }
    /// Ready jobs that may go out now, as far as the lane knows.
    var startable: Int { isTripped || restUntilMicros != nil ? 0 : min(ready, room) }
    var canTake: Bool { startable > 0 }
    /// Ready jobs that go out now or soon: none of a host that is out of reach or slow.
    var open: Int {
        if isTripped { return 0 }
        guard isBounded || isPaced else { return ready }
        return pace == .slow ? 0 : min(ready, max(0, inFlightMax - inFlight), pacing.soon)
    }
    /// Whether the host takes no more than so many requests a second, or in flight.
    private var isPaced: Bool { pacing.isBound || pacing.inFlightMax != .max }
    /// Whether the host, out of reach or slow, keeps its jobs waiting.
    private var isWaiting: Bool { isTripped || pace == .slow || isPaced && isCrowded }
    /// Jobs of lists, ready for their first attempt, that wait for the host.
    var waitingListed: Int { isWaiting ? jobs.listed : 0 }
    /// Whether so many jobs wait for the host that no more of them should be claimed.
    var isCrowded: Bool { (isBounded || isPaced || isTripped) && ready - open >= Self.crowd }
    private static let crowd = 2 * Segment.countMax
    /// Whether far more jobs are ready than may be in flight.
    var isDeep: Bool { isBounded && ready / 4 >= inFlightMax }
    /// The shortest rest in µs; a part of `RateBucket.slackMicros`.
    static let restMicrosMin = 5000

    /// The time in µs on the monotonic clock when the host may be tried again, 0 for at once;
    /// `nil` when no job is ready or enough probes are in flight.
    var nextProbeMicros: Int? {
        if isDenied { return nil }
        if let until = breaker.pausedUntilMicros { return until }
        return ready > 0 && inFlight < Breaker.probes ? restUntilMicros ?? 0 : nil
    }

    func add(fresh span: JobSpan) {
        jobs.add(fresh: span)
        inFlightMax = ownInFlightMax ?? min(inFlightMax, span.chunk.inFlightMax)
        setPace()
        // Now: the first answers are judged before they are told.
        if !host.behaviour.contains(.hasFresh) { tellBehaviour() }
    }

    func add(due span: JobSpan) {
        jobs.add(due: span)
        retriesInQueue = max(0, retriesInQueue - span.count)
        if span.past.excused > 0 { heldInQueue = max(0, heldInQueue - span.count) }
        inFlightMax = ownInFlightMax ?? min(inFlightMax, span.chunk.inFlightMax)
        setPace()
    }

    /// Moves up to `limit` jobs to `spans`, retries first as a rule.
    ///
    /// - Returns: The number of jobs moved.
    func take(_ limit: Int, into spans: inout SpanQueue, at now: Now) -> Int {
        // A host that is being probed has a bound of its own.
        let limit = isDenied ? 0 : isTripped ? limit : min(limit, room)
        var allowed = breaker.allowed(limit, inFlight: inFlight, at: now)
        if pacing.isBound { allowed = pacing.allowed(allowed, at: now) }
        pacing.expect(inFlight: inFlight + min(allowed, jobs.count))
        let cohort = pacing.cohortNumber
        var taken = 0
        // Where access is denied to all, jobs that were denied come last.
        let areDueFirst = !denials.isGoing
        while taken < allowed, var span = jobs.take(allowed - taken, dueFirst: areDueFirst) {
            taken += span.count
            span.cohort = cohort
            spans.append(span)
        }
        if jobs.freshCount == 0 {
            jobs.forgetBatches()
            tellBehaviour()
        }
        pass(pacingOf: taken, at: now)
        occupancy.pass(to: now, inFlight: inFlight)
        inFlight += taken
        return taken
    }

    private func pass(pacingOf taken: Int, at now: Now) {
        pacing.sent(taken, inFlight: inFlight, at: now)
        if pacing.isBound { rest(at: now) }
    }

    /// Lets the lane rest until the pace of its host lets a request out. One without jobs stays for
    /// as long: the next job may come sooner.
    private func rest(at now: Now) {
        let next = pacing.isBound ? pacing.nextMicros : 0
        // Not for each request: what is late catches up.
        let least = now.monotonicMicros + Self.restMicrosMin
        restUntilMicros = next > now.monotonicMicros ? max(next, least) : nil
    }

    /// Calls `body` with the spans of lists that are ready for their first attempt.
    func forEachListed(_ body: (JobSpan) -> Void) { jobs.forEachListed(body) }

    /// Takes out spans of lists that pass a test.
    func removeListed(where isUnwanted: (JobSpan) -> Bool) {
        jobs.removeListed(where: isUnwanted)
    }

    /// Takes in the report of the lane's ended attempts.
    func ended(_ report: TurnReport.HostReport, at now: Now) {
        occupancy.pass(to: now, inFlight: inFlight)
        occupancy.ended(report.ended)
        keepPace(report, at: now)
        pacing.ended(report.ended, report.cohort, inFlight: inFlight, at: now)
        inFlight -= report.ended
        answers &+= UInt32(truncatingIfNeeded: report.answered)
        if !report.message.isEmpty { message = report.message }
        if report.answered > 0 {
            isProven = true
            if adapts, report.wellAnswered == 0, report.refused + report.broken > 0 {
                refuse(report, at: now)
            } else {
                if breaker.isTripped { pacing.recovered(at: now) }
                breaker.answered()
                if adapts, report.refused > 0, pacing.isPushingBack { refuse(report, at: now) }
            }
        } else if report.unreachable > 0 || report.local > 0 && breaker.isTripped {
            // A probe that this machine could not make is none: it must not go on being the first.
            breaker.failed(report.unreachable, at: now)
        }
        setPace()
    }

    /// Takes in the pace of the answers, and denials.
    private func keepPace(_ report: TurnReport.HostReport, at now: Now) {
        tally.add(report)
        heldInQueue += report.held
        retriesInQueue += report.retrying
        failedJobs += report.firstFailures
        hasAnsweredWell = hasAnsweredWell || report.wellAnswered > 0
        takeIn(robotsOf: report, at: now)
        pacing.ended(answered: report.wellAnswered, refused: report.refused, at: now)
        // Of a refusal it is not known how it would have been answered.
        denials.add(
            denials: report.denials.count, report.denials.status,
            others: report.wellAnswered - report.denials.count)
        tellBehaviour()
    }

    /// Takes in the delay that robots.txt asks for, and jobs that were no requests.
    private func takeIn(robotsOf report: TurnReport.HostReport, at now: Now) {
        let micros = report.crawlDelayMicros
        guard micros > 0 || report.unsent > 0 || report.putBack > 0 else { return }
        if micros > 0 { pacing.slowDown(toDelayMicros: micros, at: now) }
        if report.unsent > 0 { pacing.giveBack(report.unsent) }
        // The job for which the file was asked goes out now.
        if report.putBack > 0 { pacing.waitADelay(at: now) }
        rest(at: now)
    }

    /// Takes in answers none of which is a good one, or most of which are refusals.
    private func refuse(_ report: TurnReport.HostReport, at now: Now) {
        let wasTripped = breaker.isTripped
        if report.refused > 0, wasTripped || pacing.isPushingBack {
            breaker.refused(askedMicros: report.askedMicros, at: now)
        } else {
            // Of different jobs: one that fails again and again may be the trouble itself.
            breaker.failed(report.firstFailures, at: now)
        }
        if report.askedMicros > 0 { pacing.changed() }
        guard report.refused > 0, breaker.isTripped, !wasTripped else { return }
        pacing.tripped(untilMicros: breaker.pausedUntilMicros ?? now.monotonicMicros, at: now)
    }

    /// Takes in that the pace is being kept in the queue.
    func paceIsKept() { pacing.kept() }

    /// Takes in that nothing goes out, or that it does again.
    func setPaused(_ isPaused: Bool, at now: Now) { pacing.setPaused(isPaused, at: now) }

    /// Keeps to other limits from now on, as far as they change.
    func keep(to limits: HostLimits, _ change: LimitChange, at now: Now) {
        guard hasOneHost else { return }
        if change.perHost != nil, let bound = limits.inFlightMax {
            ownInFlightMax = bound
            inFlightMax = bound
            if !isBounded { pace = .quick }
        }
        pacing.keep(to: limits, change, at: now)
        rest(at: now)
        setPace()
    }

    /// Leaves the host alone for a time in µs, since another run was asked to.
    func holdBack(forMicros micros: Int, at now: Now) {
        guard adapts, micros > 0 else { return }
        breaker.refused(askedMicros: micros, at: now)
        message = "it asked to wait"
        tellBehaviour()
    }

    /// Takes in that time has passed.
    func pass(to now: Now) {
        occupancy.pass(to: now, inFlight: inFlight)
        pacing.pass(to: now, inFlight: inFlight)
        rest(at: now)
        setPace()
    }

    /// Tells loops what they judge the host's answers by.
    func tellBehaviour() {
        var behaviour: Host.Behaviour = []
        // Where a few jobs are all that is known of a host, they are at fault themselves.
        if pacing.isPushingBack || breaker.isTripped,
            hasAnsweredWell || failedJobs >= Breaker.threshold
        {
            behaviour.insert(.pushesBack)
        }
        if pacing.keepsCrawlDelay { behaviour.insert(.keepsCrawlDelay) }
        if denials.isMixed { behaviour.insert(.isMixed) }
        if jobs.freshCount > 0 { behaviour.insert(.hasFresh) }
        if isTripped { behaviour.insert(.isOutOfReach) }
        if host.behaviour != behaviour { host.behaviour = behaviour }
    }

    private func setPace() {
        guard isBounded else { return }
        pace = occupancy.isSlow(inFlight: inFlight) ? .slow : isProven ? .quick : .untried
    }
}
