internal import JobStore

/// Decides what to claim, what to hand out, and when a run is finished. Pure: `JobFeed` is told the
/// time and what happened, and answers what to do; `Feed` acts.
///
/// Ready jobs wait in lanes, one for each host (`Lanes`). Jobs of a host that is out of reach, or
/// that has enough requests in flight, wait for that host, and the other jobs go on.
struct JobFeed {
    let limits: Limits
    var lanes: Lanes
    /// The times at which the run was held back.
    var pause = PauseClock()
    /// The reasons for which it is.
    var holds = Holds()
    /// The most requests in flight where people asked for fewer than the run began with; `nil`
    /// otherwise.
    var workersMax: Int?
    var pace: RunPace
    private(set) var machine = MachineBreaker()
    private var blocks: HeldBlocks
    private var supply = Supply()
    private var window: ClaimWindow
    private(set) var retries: Retries
    /// Whether a pace lets requests out again for which loops may wait. Until they are woken.
    var isRestOver = false
    /// The time in µs on the monotonic clock that the last answer of `need` was to wait for; `.max`
    /// when that was without end, or it was to do something.
    var waitMicros = Int.max
    /// The number of attempts in which some host had a part, however they ended.
    private var answers: UInt32 = 0
    /// Attempts that ended and are not committed.
    private(set) var unmarked = 0
    /// Bytes of output that belong to the attempts in `unmarked`.
    private(set) var unmarkedBytes = 0
    /// Whether some request for jobs got fewer than it asked for since loops were woken last.
    var isStarved = false
    private(set) var isDraining = false
    /// The time in µs on the monotonic clock since which nothing can be done but to wait for hosts
    /// out of reach or for this machine; `nil` otherwise.
    private(set) var stalledSinceMicros: Int?

    /// - Parameters:
    ///   - knownPaces: The paces that the queue remembers.
    ///   - retrying: The number of jobs that wait for a retry which this runner may be handed.
    init(
        limits: Limits = Limits(), _ politeness: PolitenessOptions = PolitenessOptions(),
        knownPaces: KnownPaces = KnownPaces(), retrying: Int
    ) {
        self.limits = limits
        lanes = Lanes(
            probes: limits.probes, workers: limits.workers, politeness, knownPaces: knownPaces)
        pace = RunPace(politeness.rate, turnMicros: knownPaces.runUntilMicros)
        blocks = HeldBlocks(limits: limits)
        window = ClaimWindow(limits)
        retries = Retries(
            waiting: retrying, lookMicros: limits.retryLookMicros,
            gatherMicros: limits.retryGatherMicros)
    }

    /// The lanes whose host is out of reach; attempts that could not reach it are given back.
    var tripped: Set<Host.ID> { lanes.tripped }
    /// The times that hosts went out of reach, and that they came back.
    var reach: Lanes.Reach { lanes.reach }
    /// Jobs that are ready.
    var ready: Int { lanes.totals.ready }
    /// Ready jobs that go out now or soon.
    var open: Int { lanes.totals.open }
    /// Ready jobs that may go out now, as far as their hosts are concerned.
    var startable: Int { pause.isOn ? 0 : min(lanes.totals.startable, workersLeft) }
    /// Jobs that were handed out and whose attempts have not ended.
    var inFlight: Int { lanes.totals.inFlight }
    /// Jobs that wait for a retry which this runner may be handed, those it has leased included.
    var retrying: Int { retries.waiting }
    /// Whether the last claim brought nothing.
    var wasDry: Bool { supply.wasDry }
    /// Whether the queue has, as far as is known, no job for its first attempt that may be claimed.
    var isDry: Bool { wasDry || retrying >= limits.retrying }
    /// This machine's trouble, while there is any.
    var machineTrouble: MachineTrouble? { machine.trouble }
    /// Whether the sums equal those of the lanes. For tests, since it looks at each lane.
    var sumsHold: Bool { lanes.sumsHold }

    private var isIdle: Bool {
        ready == 0 && inFlight == 0 && unmarked == 0 && retrying == 0 && !blocks.areLeaving
    }

    // MARK: - Claiming

    mutating func need(at now: Now) -> Need {
        waitMicros = .max
        look(at: now)
        stalledSinceMicros = isStalled ? stalledSinceMicros ?? now.monotonicMicros : nil
        if isDraining {
            return inFlight == 0 && unmarked == 0 ? .finished : .wait(untilMicros: nil)
        }
        if isIdle && supply.isOver { return .finished }
        if !pause.isOn, let denial { return .denied(denial) }
        if let until = machine.pausedUntilMicros, now.monotonicMicros < until {
            return .wait(untilMicros: until)
        }
        // Whatever else is ready: a retry that is due has waited already.
        if let wait = retryWaitMicros(at: now), wait <= 0 {
            retries.areAskedFor(at: now)
            return .retries(Segment.countMax)
        }
        if let look = blocks.lookMicros(waiting: waitingListed), look <= now.monotonicMicros {
            blocks.letGo(from: &lanes, at: now)
        }
        if let next = blocks.takeParked() { return .park(next.ids, micros: next.micros) }
        if mayClaim, now.monotonicMicros >= supply.askMicros(isIdle: isIdle) {
            let request = claimRequest(at: now)
            supply.isAsked(request)
            return .jobs(request)
        }
        let next = nextLook(at: now)
        waitMicros = next ?? .max
        return .wait(untilMicros: next)
    }

    /// Finds out which paces let requests out again.
    mutating func look(at now: Now) {
        if lanes.look(at: now) { isRestOver = true }
        if pace.look(at: now) { isRestOver = true }
    }

    /// The most requests in flight.
    private var workers: Int { min(limits.workers, workersMax ?? .max) }

    /// Whether workers have nothing to do though jobs are ready: these wait for their hosts.
    private var isHeldUp: Bool { ready > 0 && lanes.totals.startable == 0 && inFlight < workers }

    /// Whether fewer jobs go out now or soon than the run is to keep.
    var isShort: Bool { open < (isHeldUp ? limits.ready : window.jobs) }

    private var mayClaim: Bool {
        retrying < limits.retrying && isShort
            && lanes.totals.heldBatches < limits.heldBatches
            && !blocks.areTooMany(waiting: waitingListed)
    }

    private var waitingListed: Int { lanes.totals.waitingListed }

    /// Whether there is nothing to do but for jobs that were given back, and room for these.
    private var mayTakeParked: Bool {
        supply.mayComeBack && !lanes.areOpen && blocks.haveRoom(waiting: waitingListed)
    }

    private mutating func claimRequest(at now: Now) -> ClaimRequest {
        window.claims(workers: workers, at: now)
        // Where jobs wait for their hosts, others may not.
        let (jobs, segmentJobsMax) =
            isHeldUp ? (limits.ready, Segment.countMax) : (window.jobs, window.segmentJobsMax)
        // With nothing else to do, lanes that rest are looked at, too.
        let takesAll = mayTakeParked || isIdle
        return ClaimRequest(
            jobs: max(jobs - open, segmentJobsMax),
            skippedBatches: lanes.skippedBatches,
            skippedLanes: lanes.skippedLanes.union(takesAll ? [] : blocks.restingLanes(at: now)),
            includesParked: mayTakeParked, segmentJobsMax: segmentJobsMax)
    }

    /// The time in µs until the queue is asked for retries; `nil` when none waits or too many are
    /// due already.
    private func retryWaitMicros(at now: Now) -> Int? {
        guard lanes.totals.due < limits.ready else { return nil }
        return retries.waitMicros(isBusy: inFlight > 0, at: now)
    }

    private func nextLook(at now: Now) -> Int? {
        var next: Int?
        func look(atMicros time: Int) { next = min(next ?? .max, time) }
        if let time = blocks.lookMicros(waiting: waitingListed) { look(atMicros: time) }
        if mayClaim {
            look(atMicros: max(supply.askMicros(isIdle: isIdle), now.monotonicMicros))
        }
        if let wait = retryWaitMicros(at: now) { look(atMicros: now.monotonicMicros + wait) }
        if let time = nextOfHosts(at: now) { look(atMicros: time) }
        return next
    }

    /// - Parameter spans: The jobs of the claimed segments.
    mutating func add(_ claim: Claim, _ spans: [JobSpan], at now: Now) {
        for segment in claim.segments { blocks.add(segment) }
        blocks.read(spans)
        for span in spans { lanes.add(fresh: span, at: now) }
        retries.tookOver(claim.retries, at: now)
        supply.add(claim, isIdle: isIdle, limits, at: now)
    }

    /// - Parameter spans: The claimed jobs.
    mutating func add(_ claim: RetryClaim, _ spans: [JobSpan], at now: Now) {
        for span in spans { lanes.add(due: span, at: now) }
        retries.add(claim, waitMicrosMin: limits.askAgainMicrosMin, at: now)
    }

    // MARK: - Handing out

    /// Moves up to `limit` jobs to `spans`, from one host after the other.
    ///
    /// - Parameters:
    ///   - inFlightMax: The number of requests that there is memory for.
    ///   - untold: Attempts that have ended and still count as in flight.
    /// - Returns: The number of jobs moved.
    mutating func take(
        _ limit: Int, into spans: inout SpanQueue, at now: Now, inFlightMax: Int = .max,
        untold: Int = 0
    ) -> Int {
        guard !isDraining, !pause.isOn else { return 0 }
        var allowed = machine.allowed(limit, inFlight: inFlight, at: now)
        if isFullOfUnmarked { allowed = 0 }
        allowed = min(allowed, max(0, inFlightMax - inFlight))
        if let workersMax { allowed = min(allowed, max(0, workersMax + untold - inFlight)) }
        look(at: now)
        let wanted = allowed
        allowed = pace.allowed(allowed, at: now)
        var taken = 0
        if !machine.isTripped || open == 0 || machine.isHeldNext {
            taken = lanes.probe(allowed, into: &spans, at: now)
        }
        machine.passed(allowed)
        taken += lanes.take(
            allowed - taken, into: &spans, at: now, mayComeMore: !wasDry && mayClaim)
        pace.sent(taken, isShort: allowed < wanted, at: now)
        if allowed < wanted, startable > 0 { pace.heldJobs() }
        // Others that were left without a job wait still.
        if taken < limit { isStarved = true }
        return taken
    }

    // MARK: - What happened

    mutating func ended(_ turn: TurnReport, at now: Now) {
        unmarked += turn.finished
        window.ended(turn.finished)
        unmarkedBytes += turn.outputBytes
        // Before a lane that has nothing else to do is forgotten.
        for job in turn.putBack where !isDraining {
            if !blocks.giveBack(job) { lanes.putBack(job, at: now) }
        }
        for report in turn.hosts { lanes.ended(report, at: now) }
        if turn.unsent > 0 { pace.giveBack(turn.unsent) }
        for report in turn.hosts { answers &+= UInt32(truncatingIfNeeded: report.answered) }
        for job in turn.givenBack where !isDraining {
            if blocks.giveBack(job) { continue }
            // Where its host is in reach, this machine could not: any answer shows that it can.
            let answers = tripped.contains(job.chunk.hostID) ? nil : answers
            lanes.giveBack(job, answersOfAll: answers, at: now)
        }
        machine.ended(turn, at: now)
        // It may be the trouble of some jobs alone, and these may be all that is left of their host:
        // the next to be tried are others.
        if turn.machineTrouble != nil { lanes.passOver(turn.givenBack) }
    }

    /// Takes in marks that were committed just now.
    ///
    /// - Parameter bytes: Bytes of output that belong to the marks.
    mutating func marked(_ marks: [Mark], bytes: Int = 0, at now: Now) {
        unmarked -= marks.count
        unmarkedBytes -= bytes
        for mark in marks {
            if mark.attempt == 1 { blocks.leave(mark.position, of: mark.batchID) }
            retries.marked(mark, at: now)
        }
    }

    mutating func drain() { isDraining = true }

    /// Takes the paces of hosts that have changed and are not kept in the queue.
    mutating func takeChangedPaces(at now: Now) -> [HostPace] {
        lanes.takeChangedPaces(at: now) + [pace.kept(at: now)].compactMap(\.self)
    }

    /// Takes in that jobs were added to the queue.
    mutating func hasMore() { supply.hasMore() }

    /// Has a queue that was empty asked again.
    mutating func askAgain() { supply.askAgain() }
}
