internal import JobStore

/// Decides what to claim, what to hand out, and when a run is finished. Pure: `JobFeed` is told the
/// time and what happened, and answers what to do; `Feed` acts.
///
/// Ready jobs wait in lanes, one for each host. Jobs of a host that is out of reach wait for that
/// host, and the other jobs go on.
struct JobFeed {
    struct Limits {
        /// Claim when fewer jobs than this are ready.
        var ready = 2 * Segment.countMax
        /// Claim no more while jobs of this many batches wait for hosts that are out of reach.
        var heldBatches = 20_000
        /// Give back blocks of lists, to be claimed again later, while so many of their jobs wait for
        /// hosts that are out of reach.
        var heldOfLists = 65_536
        /// The time in µs after which blocks are looked at again, when none could be given back.
        var parkLookMicros = 50_000
        /// Claim no more, and give back blocks, while the lines of those held have so many bytes: a
        /// block is in memory as a whole as long as one of its jobs is.
        var blockBytes = 32 << 20
        /// The time in µs for which a block that was given back is left alone.
        var parkMicros = 60_000_000
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
        /// Claim segments with the given number of jobs, none of the skipped batches.
        case jobs(Int, skipping: Set<Batch.ID>)
        /// Claim up to the given number of retries that are due.
        case retries(Int)
        /// Give back blocks, for the given time: all that is left of them waits for hosts that are
        /// out of reach.
        case park([OpenBlocks.ID], micros: Int)
        /// Do nothing until the given time, or until something happens.
        case wait(untilMicros: Int?)
        case finished
    }

    let limits: Limits
    private var lanes: [Host.ID: Lane] = [:]
    /// The lanes, from `orderStart` on, that have ready jobs and hosts in reach, in the order they
    /// came; other lanes may be among them.
    private var order: [Host.ID] = []
    private var orderStart = 0
    /// The lanes whose host is out of reach; attempts that could not reach it are given back.
    private(set) var tripped: Set<Host.ID> = []
    /// The earliest time that a host out of reach may be tried again, in µs on the monotonic clock,
    /// perhaps in the past; `.max` when no such host can be tried.
    private var probeMicros = Int.max
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
    private var all = Totals()
    /// The sums over the lanes whose host is out of reach.
    private var held = Totals()

    /// Sums over lanes.
    private struct Totals: Equatable {
        var ready = 0
        var due = 0
        var inFlight = 0
        var batches = 0
        var listed = 0

        mutating func add(_ lane: Lane, sign: Int = 1) {
            ready += sign * lane.ready
            due += sign * lane.dueCount
            inFlight += sign * lane.inFlight
            batches += sign * lane.batches.count
            listed += sign * lane.listed
        }
    }

    /// Jobs that are ready.
    var ready: Int { all.ready }
    /// Jobs that were handed out and whose attempts have not ended.
    var inFlight: Int { all.inFlight }
    /// Attempts that ended and are not committed.
    private(set) var unmarked = 0
    /// Bytes of output that belong to the attempts in `unmarked`.
    private(set) var unmarkedBytes = 0
    /// Jobs that wait for a retry which this runner may be handed, those it has leased included.
    private(set) var retrying: Int
    /// The retries that this run has leased.
    private var retriesHeld = 0
    /// The next retry that waits; `nil` when none is known to wait.
    private var nextRetry: NextRetry?
    /// The time in µs on the monotonic clock before which the queue, which was found empty, is not
    /// asked for jobs unless there is nothing else to do.
    private var dryUntilMicros = 0
    /// The time in µs on the monotonic clock before which the queue said not to ask for jobs.
    private var askAgainMicros = 0
    private var wasDryWhileIdle = false

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
    /// Whether the last request for jobs got fewer than it asked for.
    private(set) var isStarved = false
    private(set) var isDraining = false
    /// The time in µs on the monotonic clock since which nothing can be done but to wait for hosts
    /// out of reach or for this machine; `nil` otherwise.
    private(set) var stalledSinceMicros: Int?
    /// This machine's trouble, while there is any.
    private(set) var machineTrouble: MachineTrouble?
    /// The message of the last attempt with such trouble.
    private var machineMessage = ""

    init(limits: Limits = Limits(), retrying: Int) {
        self.limits = limits
        self.retrying = retrying
        nextRetry = retrying > 0 ? NextRetry(dueMicros: 0, lookMicros: 0) : nil
    }

    private var isIdle: Bool { ready == 0 && inFlight == 0 && unmarked == 0 && retrying == 0 }
    /// Ready jobs that may go out.
    var open: Int { all.ready - held.ready }

    // MARK: - Claiming

    mutating func need(at now: Now) -> Need {
        stalledSinceMicros = isStalled ? stalledSinceMicros ?? now.monotonicMicros : nil
        if isDraining {
            return inFlight == 0 && unmarked == 0 ? .finished : .wait(untilMicros: nil)
        }
        if isIdle && wasDryWhileIdle { return .finished }
        if let until = machine.pausedUntilMicros, now.monotonicMicros < until {
            return .wait(untilMicros: until)
        }
        // Whatever else is ready: a retry that is due has waited already.
        if let wait = retryWaitMicros(at: now), wait <= 0 {
            nextRetry = nil  // the claim tells, and marks made meanwhile
            return .retries(Segment.countMax)
        }
        if holdsTooMuch, now.monotonicMicros >= nextParkMicros {
            let parked = park()
            if !parked.isEmpty { return .park(parked, micros: limits.parkMicros) }
            // What is in flight must end first.
            nextParkMicros = now.monotonicMicros + limits.parkLookMicros
        }
        if mayClaim, now.monotonicMicros >= askAgainMicros,
            now.monotonicMicros >= dryUntilMicros || isIdle
        {
            let skipped = skipped
            isSkipping = !skipped.isEmpty
            return .jobs(max(limits.ready - open, Segment.countMax), skipping: skipped)
        }
        return .wait(untilMicros: nextLook(at: now))
    }

    /// Whether trouble holds up all that could be done.
    private var isStalled: Bool {
        if machine.isTripped { return true }
        return !tripped.isEmpty && open == 0 && retrying == retriesHeld
            && inFlight == held.inFlight
    }

    /// The batches of hosts out of reach that have jobs ready to probe these hosts with.
    private var skipped: Set<Batch.ID> {
        tripped.reduce(into: []) { $0.formUnion(lanes[$1]?.batches ?? []) }
    }

    private var mayClaim: Bool {
        retrying < limits.retrying && open < limits.ready && held.batches < limits.heldBatches
            && !holdsTooMuch
    }

    /// Whether so much of lists is in memory that some of it should wait in the queue.
    private var holdsTooMuch: Bool {
        held.listed >= limits.heldOfLists || blocks.byteCount >= limits.blockBytes
    }

    /// Drops the blocks of lists of which all that has no mark waits for hosts out of reach.
    private mutating func park() -> [OpenBlocks.ID] {
        let known = blocks
        var waiting: [OpenBlocks.ID: (count: Int, left: Int)] = [:]
        for id in tripped {
            lanes[id]?.forEachListed { span in
                guard let block = known.block(of: span.first, span.chunk.batch.id) else { return }
                waiting[block.id, default: (0, block.left)].count += span.count
            }
        }
        let parked = Set(waiting.filter { $0.value.count == $0.value.left }.keys)
        guard !parked.isEmpty else { return [] }
        for id in tripped {
            withLane(id) { lane in
                lane.removeListed { span in
                    known.block(of: span.first, span.chunk.batch.id).map {
                        parked.contains($0.id)
                    } ?? false
                }
            }
        }
        for id in parked { blocks.remove(id) }
        return parked.sorted { ($0.batch, $0.first) < ($1.batch, $1.first) }
    }

    /// The time in µs until the queue is asked for retries; `nil` when none waits or too many are
    /// due already.
    private func retryWaitMicros(at now: Now) -> Int? {
        guard let next = nextRetry, retrying > retriesHeld, all.due - held.due < limits.ready else {
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
        if holdsTooMuch { look(atMicros: nextParkMicros) }
        if mayClaim {
            look(atMicros: max(isIdle ? 0 : dryUntilMicros, askAgainMicros, now.monotonicMicros))
        }
        if let wait = retryWaitMicros(at: now) { look(atMicros: now.monotonicMicros + wait) }
        // One that is due waits for nothing but a worker that asks.
        if !tripped.isEmpty, probeMicros != .max, probeMicros > now.monotonicMicros {
            look(atMicros: probeMicros)
        }
        return next
    }

    /// Whether a host out of reach, or this machine, may be tried now; then loops with nothing to
    /// do are to ask for jobs.
    func isProbeDue(at now: Now) -> Bool {
        if let until = machine.pausedUntilMicros { return now.monotonicMicros >= until }
        if machine.isTripped, open > 0 { return inFlight < Breaker.probes }
        return !tripped.isEmpty && now.monotonicMicros >= probeMicros
    }

    /// - Parameter spans: The jobs of the claimed segments.
    mutating func add(_ claim: Claim, _ spans: [JobSpan], at now: Now) {
        for segment in claim.segments { blocks.add(segment) }
        for span in spans { withLane(of: span.chunk) { $0.add(fresh: span) } }
        let isDry = claim.segments.isEmpty
        // What was left out may have come in reach, and have ended, while the queue was asked.
        wasDryWhileIdle = isDry && claim.next == .finished && isIdle && !isSkipping
        dryUntilMicros = isDry ? now.monotonicMicros + limits.dryMicros : 0
        switch claim.next {
        case .finished: askAgainMicros = 0
        case .now: askAgainMicros = isDry ? now.monotonicMicros + limits.askAgainMicrosMin : 0
        case .after(let wait):
            askAgainMicros =
                now.monotonicMicros + max(wait.microseconds, limits.askAgainMicrosMin)
        }
    }

    /// - Parameter spans: The claimed jobs.
    mutating func add(_ claim: RetryClaim, _ spans: [JobSpan], at now: Now) {
        for span in spans { withLane(of: span.chunk) { $0.add(due: span) } }
        retriesHeld += claim.jobs.count
        if let next = claim.nextDue {
            let least = claim.jobs.isEmpty ? limits.askAgainMicrosMin : 0
            noteRetry(afterMicros: max(next.microseconds, least), at: now)
        }
    }

    /// Changes the lane of a chunk's jobs, and makes that lane when there is none.
    private mutating func withLane(of chunk: RequestChunk, _ change: (inout Lane) -> Void) {
        if lanes[chunk.hostID] == nil { lanes[chunk.hostID] = Lane(host: chunk.host) }
        withLane(chunk.hostID, change)
    }

    /// Changes a lane, keeps the sums in step, and gives the lane its place in the order.
    private mutating func withLane(_ id: Host.ID, _ change: (inout Lane) -> Void) {
        guard let index = lanes.index(forKey: id) else {
            preconditionFailure("a lane stays while jobs of it are in flight")
        }
        all.add(lanes.values[index], sign: -1)
        if tripped.contains(id) { held.add(lanes.values[index], sign: -1) }
        change(&lanes.values[index])
        all.add(lanes.values[index])
        if lanes.values[index].breaker.isTripped {
            tripped.insert(id)
            held.add(lanes.values[index])
            // Whatever changed it: a retry that came due may be all there is to try its host with.
            if let next = lanes.values[index].nextProbeMicros {
                probeMicros = min(probeMicros, next)
            }
        } else {
            tripped.remove(id)
            if lanes.values[index].ready > 0, !lanes.values[index].isQueued {
                lanes.values[index].isQueued = true
                order.append(id)
            }
            // A host that is done with is not remembered.
            if lanes.values[index].isAtRest, !lanes.values[index].isQueued { lanes[id] = nil }
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
        var taken = 0
        if !machine.isTripped || open == 0 || isHeldNext {
            taken = probe(allowed, into: &spans, at: now)
        }
        // Neither those that are out of reach nor jobs that are the trouble keep the probes of this
        // machine from the others.
        if machine.isTripped, allowed > 0 { isHeldNext.toggle() }
        while taken < allowed, orderStart < order.count {
            let id = order[orderStart]
            if !tripped.contains(id), lanes[id]?.ready ?? 0 > 0 {
                withLane(id) { taken += $0.take(allowed - taken, into: &spans, at: now) }
            }
            if tripped.contains(id) || lanes[id]?.ready ?? 0 == 0 { dropFirst() }
        }
        isStarved = taken < limit
        return taken
    }

    /// Hands out jobs of hosts that are out of reach, where it is time to try these hosts again.
    private mutating func probe(_ limit: Int, into spans: inout SpanQueue, at now: Now) -> Int {
        guard now.monotonicMicros >= probeMicros, limit > 0 else { return 0 }
        probeMicros = .max
        var taken = 0
        for id in tripped {
            // While others can go on, they are not to be held up by what is not likely to answer.
            let room = open > 0 ? max(0, limits.probes - held.inFlight) : .max
            withLane(id) { taken += $0.take(min(limit - taken, room), into: &spans, at: now) }
        }
        return taken
    }

    /// Takes the first lane out of the order. A lane with jobs that may go out is put back as the
    /// last.
    private mutating func dropFirst() {
        let id = order[orderStart]
        orderStart += 1
        if orderStart == order.count || orderStart >= 4096 {
            order.removeFirst(orderStart)
            orderStart = 0
        }
        guard lanes[id] != nil else { return }
        lanes[id]?.isQueued = false
        withLane(id) { _ in }
    }

    // MARK: - What happened

    mutating func ended(_ turn: TurnReport, at now: Now) {
        unmarked += turn.finished
        unmarkedBytes += turn.outputBytes
        for report in turn.hosts { withLane(of: report.chunk) { $0.ended(report, at: now) } }
        for report in turn.hosts { answers &+= UInt32(truncatingIfNeeded: report.answered) }
        for job in turn.givenBack where !isDraining {
            // Where its host is in reach, this machine could not: any answer shows that it can.
            let answers = tripped.contains(job.chunk.hostID) ? nil : answers
            withLane(of: job.chunk) { $0.giveBack(job, answersOfAll: answers) }
        }
        if turn.machineTrouble != nil {
            machine.failed(1, at: now)
            (machineTrouble, machineMessage) = (turn.machineTrouble, turn.machineMessage)
            // It may be the trouble of some jobs alone, and these may be all that is left of their
            // host: the next to be tried are others.
            if orderStart < order.count,
                turn.givenBack.contains(where: { $0.chunk.hostID == order[orderStart] })
            {
                dropFirst()
            }
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
                blocks.marked(mark.position, of: mark.batchID)
            }
            if mark.outcome.state == .retrying {
                retrying += 1
                noteRetry(afterMicros: mark.wait.microseconds, at: now)
            }
        }
    }

    mutating func drain() { isDraining = true }

    /// Has a queue that was empty asked again.
    mutating func askAgain() { wasDryWhileIdle = false }

    /// Whether the sums equal those of the lanes. For tests, since it looks at each lane.
    var sumsHold: Bool {
        var (all, held) = (Totals(), Totals())
        for (id, lane) in lanes {
            all.add(lane)
            if tripped.contains(id) { held.add(lane) }
        }
        return all == self.all && held == self.held
    }

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
        for id in tripped {
            guard let lane = lanes[id], let since = lane.breaker.troubledSinceMicros else {
                continue
            }
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
