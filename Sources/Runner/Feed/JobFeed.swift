internal import JobStore

/// Decides what to claim, what to hand out, and when a run is finished. Pure: `JobFeed` is told the
/// time and what happened, and answers what to do; `Feed` acts.
///
/// Ready jobs wait in lanes, one for each host (`Lanes`). Jobs of a host that is out of reach, or
/// that has enough requests in flight, wait for that host, and the other jobs go on.
struct JobFeed {
    struct Limits {
        /// The most requests in flight.
        var workers = Int.max / 4
        /// Claim when fewer jobs than this go out now or soon.
        var ready = 2 * Segment.countMax
        /// Claim no more while jobs of this many batches wait for hosts that are out of reach.
        var heldBatches = 20_000
        /// Claim no more, and give back blocks of lists, to be claimed again later, while so many of
        /// their jobs wait for hosts that are out of reach or slow.
        var waitingOfLists = 65_536
        /// The time in µs after which blocks are looked at again, whether some can be given back.
        var parkLookMicros = 100_000
        /// Claim no more while the lines of blocks have so many bytes: a block is in memory as a
        /// whole as long as one of its jobs is.
        var blockBytes = 32 << 20
        /// Give back blocks of which all that is left waits for hosts, while the lines of all
        /// blocks have so many bytes.
        var waitingBytes = 8 << 20
        /// The time in µs for which a block that is given back is left alone the first time. It
        /// doubles each further time.
        var parkMicros = 10_000_000
        /// The most requests in flight to hosts out of reach, while other hosts have jobs ready.
        var probes = 16
        /// Hand out nothing while this many attempts have ended and are not committed.
        var unmarked = 10_000
        /// Hand out nothing while this many bytes of output wait for their commit.
        var unmarkedBytes = 32 << 20
        /// Claim no new segment while this many jobs wait for a retry.
        var retrying = 100_000
        /// The time in µs for which an empty queue is not asked again.
        var dryMicros = 1_000_000
        /// The same where a part of the queue was left out: that part may be asked for soon.
        var skippedDryMicros = 50_000
        /// The longest time in µs for which the queue is not asked for retries while one waits: the
        /// queue's clock may be set.
        var retryLookMicros = 60_000_000
        /// Whether final outcomes are counted as they are committed, for a store that had better not
        /// be asked often (`JobLedger.countsInterval`).
        var talliesCommits = false
        /// The shortest time in µs after which a queue that said to ask again is asked.
        var askAgainMicrosMin = 10_000
    }

    enum Need: Equatable {
        case jobs(ClaimRequest)
        /// Claim up to the given number of retries that are due.
        case retries(Int)
        /// Give back blocks, for the given time: all that is left of them waits for hosts.
        case park([OpenBlocks.ID], micros: Int)
        /// Do nothing until the given time, or until something happens.
        case wait(untilMicros: Int?)
        case finished
        /// All that is left are jobs of hosts that deny access to everything.
        case denied(Denial)
    }

    /// A host that denies access to everything.
    struct Denial: Equatable {
        /// The host as in `HostKey.text`.
        let host: String
        let status: Int
    }

    let limits: Limits
    private var lanes: Lanes
    /// The pace that the user allows the run; `nil` for any.
    private var rate: RateBucket?
    /// The time in µs on the monotonic clock before which the pace of the run lets nothing out;
    /// `nil` when it lets something out.
    private var rateRestMicros: Int?
    /// Whether a pace lets requests out again for which loops may wait. Until they are woken.
    private var isRestOver = false
    /// The time in µs on the monotonic clock that the last answer of `need` was to wait for; `.max`
    /// when that was without end, or it was to do something.
    private var waitMicros = Int.max
    /// The breaker for trouble of this machine, which holds up all lanes.
    private var machine = Breaker(threshold: 1)
    /// Whether the next probes of this machine are jobs of hosts out of reach, though others are
    /// ready.
    private var isHeldNext = false
    /// The number of attempts in which some host had a part, however they ended.
    private var answers: UInt32 = 0
    private var blocks = OpenBlocks()
    /// The time in µs on the monotonic clock before which blocks are not looked at for parking.
    private var nextParkMicros = 0
    private var parked = ParkedBlocks()

    /// The lanes whose host is out of reach; attempts that could not reach it are given back.
    var tripped: Set<Host.ID> { lanes.tripped }
    /// Jobs that are ready.
    var ready: Int { lanes.totals.ready }
    /// Jobs that were handed out and whose attempts have not ended.
    var inFlight: Int { lanes.totals.inFlight }
    /// Attempts that ended and are not committed.
    private(set) var unmarked = 0
    /// Bytes of output that belong to the attempts in `unmarked`.
    private(set) var unmarkedBytes = 0
    /// Jobs that wait for a retry which this runner may be handed, those it has leased included.
    private(set) var retrying: Int
    /// The retries that this run has leased.
    private var retriesHeld = 0
    /// The number of marks taken in of jobs that wait for a retry.
    private var retryMarks: UInt32 = 0
    /// The value of `retryMarks` when the queue was last asked for retries.
    private var retryMarksAtClaim: UInt32 = 0
    /// The next retry that waits; `nil` when none is known to wait.
    private var nextRetry: NextRetry?
    /// The time in µs on the monotonic clock before which the queue, which was found empty, is not
    /// asked for jobs unless there is nothing else to do.
    private var dryUntilMicros = 0
    /// The time in µs on the monotonic clock before which the queue said not to ask for jobs.
    private var askAgainMicros = 0
    /// Whether the queue said last that jobs may come back.
    private var mayComeBack = false
    private var wasDryWhileIdle = false
    /// Whether the last claim brought nothing.
    var wasDry: Bool { dryUntilMicros > 0 }

    /// A retry that waits; times are in µs on the monotonic clock.
    private struct NextRetry {
        var dueMicros: Int
        /// When the queue is asked, due or not.
        var lookMicros: Int
    }
    /// The final outcomes that this run has committed, if they are tallied.
    private(set) var committed = OutcomeTally()
    /// Whether the claim that was last asked for leaves batches out.
    private var isSkipping = false
    /// Whether some request for jobs got fewer than it asked for since loops were woken last.
    private(set) var isStarved = false
    private(set) var isDraining = false
    /// The time in µs on the monotonic clock since which nothing can be done but to wait for hosts
    /// out of reach or for this machine; `nil` otherwise.
    private(set) var stalledSinceMicros: Int?
    /// This machine's trouble, while there is any.
    private(set) var machineTrouble: MachineTrouble?
    /// The message of the last attempt with such trouble.
    private var machineMessage = ""

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
        rate = politeness.rate.map {
            RateBucket(intervalMicros: $0.intervalMicros, turnMicros: knownPaces.runUntilMicros)
        }
        self.retrying = retrying
        nextRetry = retrying > 0 ? NextRetry(dueMicros: 0, lookMicros: 0) : nil
    }

    private var isIdle: Bool {
        ready == 0 && inFlight == 0 && unmarked == 0 && retrying == 0 && parked.isEmpty
    }
    /// Whether the queue has, as far as is known, no job for its first attempt that may be claimed.
    var isDry: Bool { dryUntilMicros > 0 || retrying >= limits.retrying }
    /// Ready jobs that go out now or soon.
    var open: Int { lanes.totals.open }
    /// Ready jobs that may go out now, as far as their hosts are concerned.
    var startable: Int { lanes.totals.startable }

    // MARK: - Claiming

    mutating func need(at now: Now) -> Need {
        waitMicros = .max
        look(at: now)
        stalledSinceMicros = isStalled ? stalledSinceMicros ?? now.monotonicMicros : nil
        if isDraining {
            return inFlight == 0 && unmarked == 0 ? .finished : .wait(untilMicros: nil)
        }
        if isIdle && wasDryWhileIdle { return .finished }
        if let denial { return .denied(denial) }
        if let until = machine.pausedUntilMicros, now.monotonicMicros < until {
            return .wait(untilMicros: until)
        }
        // Whatever else is ready: a retry that is due has waited already.
        if let wait = retryWaitMicros(at: now), wait <= 0 {
            nextRetry = nil  // the claim tells, and marks made meanwhile
            retryMarksAtClaim = retryMarks
            return .retries(Segment.countMax)
        }
        if shouldLetGo, now.monotonicMicros >= nextParkMicros {
            letGo(at: now)
            nextParkMicros = now.monotonicMicros + limits.parkLookMicros
        }
        if let next = parked.takeNext(firstMicros: limits.parkMicros) {
            return .park(next.ids, micros: next.micros)
        }
        if mayClaim, now.monotonicMicros >= askAgainMicros,
            now.monotonicMicros >= dryUntilMicros || isIdle
        {
            let request = ClaimRequest(
                jobs: max(limits.ready - open, Segment.countMax),
                skippedBatches: lanes.skippedBatches,
                // With nothing else to do, lanes that rest are looked at, too.
                skippedLanes: lanes.skippedLanes.union(
                    mayTakeParked || isIdle ? [] : parked.lanes(at: now)),
                includesParked: mayTakeParked)
            isSkipping = !request.skippedBatches.isEmpty || !request.skippedLanes.isEmpty
            return .jobs(request)
        }
        let next = nextLook(at: now)
        waitMicros = next ?? .max
        return .wait(untilMicros: next)
    }

    /// Finds out which paces let requests out again.
    private mutating func look(at now: Now) {
        if lanes.look(at: now) { isRestOver = true }
        if let rest = rateRestMicros, rest <= now.monotonicMicros {
            rateRestMicros = nil
            isRestOver = true
        }
    }

    /// Whether trouble holds up all that could be done.
    private var isStalled: Bool {
        if machine.isTripped { return true }
        return !tripped.isEmpty && !lanes.areAsked && !lanes.areOpen
            && retrying - retriesHeld <= lanes.totals.heldInQueue
            && inFlight == lanes.totals.heldInFlight
    }

    /// The host that denies access to everything, where only jobs of such are left.
    private var denial: Denial? {
        // As long as there may be jobs of others, they are claimed.
        guard let id = lanes.denied.first, inFlight == 0, unmarked == 0, !lanes.areOpen, isDry,
            tripped == lanes.denied, retrying - retriesHeld <= lanes.totals.heldInQueue
        else { return nil }
        return lanes.denial(by: id)
    }

    private var mayClaim: Bool {
        retrying < limits.retrying && open < limits.ready
            && lanes.totals.heldBatches < limits.heldBatches && !holdsTooMuch
    }

    private var holdsTooMuch: Bool {
        lanes.totals.waitingListed >= limits.waitingOfLists || blocks.byteCount >= limits.blockBytes
    }

    /// Whether so much of lists is in memory that some of it should wait in the queue.
    private var shouldLetGo: Bool {
        lanes.totals.waitingListed >= limits.waitingOfLists
            || blocks.stayingByteCount >= limits.waitingBytes && lanes.totals.waitingListed > 0
    }

    /// Whether there is nothing to do but for jobs that were given back, and room for these.
    private var mayTakeParked: Bool {
        mayComeBack && !lanes.areOpen && lanes.totals.waitingListed < limits.waitingOfLists / 2
            && blocks.byteCount < limits.waitingBytes / 2
    }

    /// Lets go of blocks of lists of which all that is ready waits for hosts, until half of the room
    /// for such is free. What is in flight of a block ends before the block goes back.
    private mutating func letGo(at now: Now) {
        var (bytes, jobs) = (blocks.stayingByteCount, lanes.totals.waitingListed)
        let areTooMany = jobs >= limits.waitingOfLists
        var gone: [OpenBlocks.ID: Int] = [:]
        // Those that take most of what there is too much of, for what they give.
        let waits = blocks.waits(in: lanes).filter { !$0.isPartlyOpen }
            .sorted { areTooMany ? $0.jobs > $1.jobs : $0.jobs < $1.jobs }
        for wait in waits where bytes > limits.waitingBytes / 2 || jobs > limits.waitingOfLists / 2
        {
            gone[wait.id] = wait.jobs
            bytes -= wait.byteCount
            jobs -= wait.jobs
            if wait.isOfOneHost {
                parked.rest(wait.lane, untilMicros: now.monotonicMicros + limits.parkMicros)
            }
        }
        guard !gone.isEmpty else { return }
        let known = blocks
        lanes.removeListed { span in
            known.block(of: span.first, span.chunk.batch.id).map { gone[$0] != nil } ?? false
        }
        for (id, jobs) in gone {
            if let id = blocks.letGo(of: id, jobs: jobs) { parked.add(id) }
        }
    }

    /// The time in µs until the queue is asked for retries; `nil` when none waits or too many are
    /// due already.
    private func retryWaitMicros(at now: Now) -> Int? {
        guard let next = nextRetry, retrying > retriesHeld, lanes.totals.due < limits.ready else {
            return nil
        }
        return min(next.dueMicros, next.lookMicros) - now.monotonicMicros
    }

    /// Takes in that a retry is due after `waitMicros`.
    private mutating func noteRetry(afterMicros waitMicros: Int, at now: Now) {
        let dueMicros = now.monotonicMicros + waitMicros
        guard let next = nextRetry else {
            nextRetry = NextRetry(
                dueMicros: dueMicros, lookMicros: now.monotonicMicros + limits.retryLookMicros)
            return
        }
        nextRetry?.dueMicros = min(next.dueMicros, dueMicros)
    }

    private func nextLook(at now: Now) -> Int? {
        var next: Int?
        func look(atMicros time: Int) { next = min(next ?? .max, time) }
        if shouldLetGo { look(atMicros: nextParkMicros) }
        if mayClaim {
            look(atMicros: max(isIdle ? 0 : dryUntilMicros, askAgainMicros, now.monotonicMicros))
        }
        if let wait = retryWaitMicros(at: now) { look(atMicros: now.monotonicMicros + wait) }
        // Hosts that say nothing become slow, and leave idle workers to others; the rest of others
        // is over.
        if isStarved, let next = lanes.nextLookMicros { look(atMicros: next) }
        if isStarved, let rateRestMicros { look(atMicros: rateRestMicros) }
        // One that is due waits for nothing but a worker that asks.
        let probeMicros = lanes.probeMicros
        if !tripped.isEmpty, probeMicros != .max, probeMicros > now.monotonicMicros {
            look(atMicros: probeMicros)
        }
        return next
    }

    /// Whether a host out of reach, or this machine, may be tried now; then loops with nothing to
    /// do are to ask for jobs.
    func isWakeDue(at now: Now) -> Bool {
        isStarved && isRestOver || isProbeDue(at: now)
    }

    /// Takes in that loops with nothing to do are being woken.
    mutating func areWoken() {
        isStarved = false
        isRestOver = false
    }

    /// Whether `need` has to be asked sooner than it said, since a pace lets out something then.
    var isLookSooner: Bool {
        guard isStarved else { return false }
        return min(lanes.nextLookMicros ?? .max, rateRestMicros ?? .max) < waitMicros
    }

    private func isProbeDue(at now: Now) -> Bool {
        if let until = machine.pausedUntilMicros { return now.monotonicMicros >= until }
        if machine.isTripped, open > 0 { return inFlight < Breaker.probes }
        return !tripped.isEmpty && now.monotonicMicros >= lanes.probeMicros
    }

    /// - Parameter spans: The jobs of the claimed segments.
    mutating func add(_ claim: Claim, _ spans: [JobSpan], at now: Now) {
        for segment in claim.segments { blocks.add(segment) }
        for span in spans { lanes.add(fresh: span, at: now) }
        let isDry = claim.segments.isEmpty
        // What was left out may have come in reach, and have ended, while the queue was asked.
        wasDryWhileIdle = isDry && claim.next == .finished && isIdle && !isSkipping
        let dryMicros = isSkipping ? limits.skippedDryMicros : limits.dryMicros
        dryUntilMicros = isDry ? now.monotonicMicros + dryMicros : 0
        mayComeBack = false
        switch claim.next {
        case .finished: askAgainMicros = 0
        case .now: askAgainMicros = isDry ? now.monotonicMicros + limits.askAgainMicrosMin : 0
        case .after(let wait):
            mayComeBack = true
            askAgainMicros =
                now.monotonicMicros + max(wait.microseconds, limits.askAgainMicrosMin)
        }
    }

    /// - Parameter spans: The claimed jobs.
    mutating func add(_ claim: RetryClaim, _ spans: [JobSpan], at now: Now) {
        for span in spans { lanes.add(due: span, at: now) }
        retriesHeld += claim.jobs.count
        if claim.nextDue == nil, retryMarksAtClaim == retryMarks {
            // None waits: those that are still counted were cancelled. After marks made meanwhile
            // the queue is asked again.
            retrying = min(retrying, retriesHeld)
        }
        if let next = claim.nextDue {
            let least = claim.jobs.isEmpty ? limits.askAgainMicrosMin : 0
            noteRetry(afterMicros: max(next.microseconds, least), at: now)
        }
    }

    // MARK: - Handing out

    /// Moves up to `limit` jobs to `spans`, from one host after the other.
    ///
    /// - Parameter inFlightMax: The number of requests that there is memory for.
    /// - Returns: The number of jobs moved.
    mutating func take(
        _ limit: Int, into spans: inout SpanQueue, at now: Now, inFlightMax: Int = .max
    ) -> Int {
        guard !isDraining else { return 0 }
        var allowed = machine.allowed(limit, inFlight: inFlight, at: now)
        if unmarked >= limits.unmarked || unmarkedBytes >= limits.unmarkedBytes { allowed = 0 }
        allowed = min(allowed, max(0, inFlightMax - inFlight))
        look(at: now)
        let wanted = allowed
        if let rate { allowed = rate.allowed(allowed, at: now) }
        var taken = 0
        if !machine.isTripped || open == 0 || isHeldNext {
            taken = lanes.probe(allowed, into: &spans, at: now)
        }
        // Neither those that are out of reach nor jobs that are the trouble keep the probes of this
        // machine from the others.
        if machine.isTripped, allowed > 0 { isHeldNext.toggle() }
        taken += lanes.take(
            allowed - taken, into: &spans, at: now, mayComeMore: dryUntilMicros == 0 && mayClaim)
        pass(rateOf: taken, isShort: allowed < wanted, at: now)
        // Others that were left without a job wait still.
        if taken < limit { isStarved = true }
        return taken
    }

    /// Takes in what went out at the pace of the run.
    ///
    /// - Parameter isShort: Whether it let out less than was asked for.
    private mutating func pass(rateOf taken: Int, isShort: Bool, at now: Now) {
        guard rate != nil else { return }
        rate?.sent(taken, at: now)
        let least = now.monotonicMicros + Lane.restMicrosMin
        if isShort { rateRestMicros = max(rate?.nextMicros ?? 0, least) }
    }

    // MARK: - What happened

    mutating func ended(_ turn: TurnReport, at now: Now) {
        unmarked += turn.finished
        unmarkedBytes += turn.outputBytes
        for report in turn.hosts { lanes.ended(report, at: now) }
        for report in turn.hosts { answers &+= UInt32(truncatingIfNeeded: report.answered) }
        for job in turn.givenBack where !isDraining {
            if job.attempt == 1, job.chunk.isOfList, blocks.isLeaving(job.position, of: job.batchID)
            {
                leave(job.position, of: job.batchID)
                continue
            }
            // Where its host is in reach, this machine could not: any answer shows that it can.
            let answers = tripped.contains(job.chunk.hostID) ? nil : answers
            lanes.giveBack(job, answersOfAll: answers, at: now)
        }
        if turn.machineTrouble != nil {
            machine.failed(1, at: now)
            (machineTrouble, machineMessage) = (turn.machineTrouble, turn.machineMessage)
            // It may be the trouble of some jobs alone, and these may be all that is left of their
            // host: the next to be tried are others.
            lanes.passOver(turn.givenBack)
        } else if turn.isAnswered {
            machine.answered()
        }
        if !machine.isTripped { machineTrouble = nil }
    }

    /// Takes in marks that were committed just now.
    ///
    /// - Parameter bytes: Bytes of output that belong to the marks.
    mutating func marked(_ marks: [Mark], bytes: Int = 0, at now: Now) {
        if limits.talliesCommits { committed.add(marks) }
        unmarked -= marks.count
        unmarkedBytes -= bytes
        for mark in marks {
            if mark.attempt > 1 {
                retrying -= 1
                retriesHeld -= 1
            } else {
                leave(mark.position, of: mark.batchID)
            }
            if mark.outcome.state == .retrying {
                retrying += 1
                retryMarks &+= 1
                noteRetry(afterMicros: mark.wait.microseconds, at: now)
            }
        }
    }

    /// Takes in that a job's first attempt is marked, or that the job goes back with its block.
    private mutating func leave(_ position: Int, of batch: Batch.ID) {
        if let id = blocks.leave(position, of: batch) { parked.add(id) }
    }

    mutating func drain() { isDraining = true }

    /// Takes the paces of hosts that have changed and are not kept in the queue.
    mutating func takeChangedPaces(at now: Now) -> [HostPace] {
        var paces = lanes.takeChangedPaces(at: now)
        // A run that is begun anew is not to have its turn at once.
        if let rate, rate.intervalMicros >= 1_000_000 {
            let waitMicros = rate.nextMicros - now.monotonicMicros
            paces.append(.ofRun(wait: .microseconds(max(0, waitMicros))))
        }
        return paces
    }

    /// Has a queue that was empty asked again.
    mutating func askAgain() { wasDryWhileIdle = false }

    /// Whether the sums equal those of the lanes. For tests, since it looks at each lane.
    var sumsHold: Bool { lanes.sumsHold }

    // MARK: - For showing

    /// A host that is out of reach, or trouble of this machine.
    struct Outage: Equatable {
        /// The host; empty for this machine.
        var host = ""
        var sinceMicros: Int
        var message = ""
        var machineTrouble: MachineTrouble?
    }

    /// Outages at present, the longest-lasting first.
    var outages: [Outage] {
        var outages: [Outage] = []
        if let since = machine.troubledSinceMicros {
            outages.append(
                Outage(
                    sinceMicros: since, message: machineMessage, machineTrouble: machineTrouble))
        }
        for lane in lanes.held {
            guard let since = lane.breaker.troubledSinceMicros else { continue }
            outages.append(
                Outage(host: lane.host.key.text, sinceMicros: since, message: lane.message))
        }
        return outages.sorted { $0.sinceMicros < $1.sinceMicros }
    }

    /// The time in µs on the monotonic clock when the next retry is due; `nil` unless the run does
    /// nothing but wait for that retry.
    var waitingUntilMicros: Int? {
        ready == 0 && inFlight == 0 && retrying > 0 ? nextRetry?.dueMicros : nil
    }
}
