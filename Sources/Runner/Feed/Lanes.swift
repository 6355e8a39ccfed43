internal import JobStore

/// The lanes of all hosts that a run has jobs for, and the order in which they hand jobs out. Pure.
///
/// A host that is out of reach is probed. A host that takes long for a job, or of which nothing is
/// known yet, gets a part of the workers while others have jobs ready.
struct Lanes {
    /// The most requests in flight to hosts out of reach, while other hosts have jobs ready.
    var probes: Int
    /// The value of `probes` with all workers.
    let probesMax: Int
    /// The most requests in flight.
    var workers: Int
    var politeness: PolitenessOptions
    private var paces: LanePaces
    /// The lanes whose host denied access to so many jobs that it is asked no more.
    private(set) var denied: Set<Host.ID> = []
    /// The most requests in flight to slow hosts, while others have jobs ready, but for the first of
    /// each: an eighth of the workers. Hosts with far more jobs than may be in flight cannot catch up
    /// once the others are done: they have what they may, up to half of the workers.
    private var slowMax: Int { max(1, workers / 8, min(workers / 2, totals.slowDeep)) }
    /// The most requests in flight to slow hosts and to those of which nothing is known, while quick
    /// ones have jobs ready.
    private var unquickMax: Int { max(1, workers - workers / 4) }

    var lanes: [Host.ID: Lane] = [:]
    /// The lanes that can hand out, by pace; other lanes may be among them.
    private var orders = LaneOrders()
    /// Whether a new host, and no quick one, gets the odd job.
    private var isUntriedNext = false
    /// The lanes whose host is out of reach; attempts that could not reach it are given back.
    private(set) var tripped: Set<Host.ID> = []
    private(set) var reach = Reach()

    /// The times that hosts went out of reach, and that they came back.
    struct Reach: Equatable {
        fileprivate(set) var lost = 0
        fileprivate(set) var regained = 0
    }

    /// The lanes for whose hosts so many jobs wait that no more should be claimed.
    private(set) var crowded: Set<Host.ID> = []
    /// The lanes whose host is out of reach and may be tried again, by the time: others may be among
    /// them.
    private var probeQueue = LookQueue()
    /// While lanes are probed, those that may be tried again later, with the times.
    private var triedLanes: [(id: Host.ID, micros: Int)]?
    /// The times when lanes are to be looked at: they may have become slow, or their rest is over.
    var looks = LookQueue()
    private(set) var totals = Totals()

    /// - Parameter workers: The most requests in flight.
    init(
        probes: Int, workers: Int, _ politeness: PolitenessOptions = PolitenessOptions(),
        knownPaces: KnownPaces = KnownPaces()
    ) {
        self.probes = probes
        probesMax = probes
        self.workers = workers
        self.politeness = politeness
        paces = LanePaces(knownPaces)
    }

    /// Whether jobs of hosts in reach wait for a worker.
    var areOpen: Bool { totals.open > 0 || totals.slowReady > 0 }

    /// Batches of hosts that are out of reach or have more than enough jobs.
    var skippedBatches: Set<Batch.ID> {
        tripped.union(crowded).reduce(into: []) { $0.formUnion(lanes[$1]?.batches ?? []) }
    }

    /// Lanes of lists whose one host has more than enough jobs. A lane that hosts share is claimed
    /// from, for the others.
    var skippedLanes: Set<ListLane> {
        crowded.reduce(into: []) { skipped, id in
            if let source = lanes[id]?.source, source.isOfOneHost {
                skipped.insert(source)
            }
        }
    }

    // MARK: - Changes

    mutating func add(fresh span: JobSpan, at now: Now) {
        withLane(of: span.chunk, at: now) { $0.add(fresh: span) }
    }
    mutating func add(due span: JobSpan, at now: Now) {
        withLane(of: span.chunk, at: now) { $0.add(due: span) }
    }

    mutating func ended(_ report: TurnReport.HostReport, at now: Now) {
        withLane(of: report.chunk, at: now) { $0.ended(report, at: now) }
    }

    /// Queues a job again that has waited for its robots.txt.
    mutating func putBack(_ job: Job, at now: Now) {
        withLane(of: job.chunk, at: now) { $0.putBack(job) }
    }

    /// Queues a job again that was given back.
    ///
    /// - Parameter answersOfAll: As in `Lane.giveBack`.
    mutating func giveBack(_ job: Job, answersOfAll: UInt32?, at now: Now) {
        withLane(of: job.chunk, at: now) { $0.giveBack(job, answersOfAll: answersOfAll) }
    }

    /// Changes the lane of a chunk's jobs, and makes that lane when there is none.
    private mutating func withLane(
        of chunk: RequestChunk, at now: Now, _ change: (Lane) -> Void
    ) {
        if lanes[chunk.hostID] == nil {
            let pace = paces.takeKnown(chunk.host.key)
            // A host that stands for many has no pace, and what one denies says nothing of others.
            lanes[chunk.hostID] = Lane(
                host: chunk.host, chunk.hasOneHost ? politeness : .ofManyHosts,
                pace: chunk.hasOneHost ? pace : nil, hasOneHost: chunk.hasOneHost, at: now)
        }
        withLane(chunk.hostID, change)
    }

    /// Changes a lane, keeps the sums in step, and gives the lane its place in an order.
    mutating func withLane(_ id: Host.ID, _ change: (Lane) -> Void) {
        guard let lane = lanes[id] else {
            preconditionFailure("a lane stays while jobs of it are in flight")
        }
        totals.add(lane, -1)
        let wasCrowded = lane.isCrowded
        change(lane)
        totals.add(lane)
        if lane.pacing.isChanged { paces.noteChange(of: id) }
        if let next = lane.nextRoomMicros { look(at: lane, atMicros: next) }
        switch (wasCrowded, lane.isCrowded) {
        case (false, true): crowded.insert(id)
        case (true, false): crowded.remove(id)
        case (true, true), (false, false): break
        }
        if lane.isTripped {
            if tripped.insert(id).inserted {
                reach.lost += 1
                lane.tellBehaviour()
            }
            if lane.isDenied { denied.insert(id) } else { denied.remove(id) }
            // Whatever changed it: a retry that came due may be all there is to try its host with.
            if let next = lane.nextProbeMicros { probe(lane, atMicros: next) }
        } else {
            if tripped.remove(id) != nil {
                reach.regained += 1
                lane.tellBehaviour()
            }
            denied.remove(id)
            if !lane.isQueued, lane.canTake {
                lane.isQueued = true
                orders[lane.pace].append(id)
            }
            // A host that is done with is not remembered.
            if !lane.isQueued, lane.isAtRest { drop(id) }
        }
    }

    /// Forgets a lane, but for the pace that its host takes.
    private mutating func drop(_ id: Host.ID) {
        if let lane = lanes.removeValue(forKey: id) { paces.keep(of: lane, id) }
    }

    /// Takes the paces that have changed and are not kept in the queue.
    mutating func takeChangedPaces(at now: Now) -> [HostPace] {
        let changed = paces.takeChanged()
        return changed.left
            + changed.lanes.compactMap { id in
                lanes[id]?.paceIsKept()
                return lanes[id]?.hostPace(at: now)
            }
    }

    // MARK: - Handing out

    /// Moves up to `limit` jobs of hosts in reach to `spans`.
    ///
    /// - Parameter mayComeMore: Whether jobs of other hosts may be claimed before long: slow hosts do
    ///   not get their workers in the moment until then.
    /// - Returns: The number of jobs moved.
    mutating func take(
        _ limit: Int, into spans: inout SpanQueue, at now: Now, mayComeMore: Bool
    ) -> Int {
        guard limit > 0 else { return 0 }
        var taken = 0
        if !orders.areQuickOnly {
            let isQuickReady = isReady(.quick)
            taken += take(.slow, min(limit, slowRoom), into: &spans, at: now)
            // Neither may wait for the other to be done: each gets half.
            isUntriedNext.toggle()
            let half = (limit - taken + (isUntriedNext ? 1 : 0)) / 2
            let untriedRoom =
                isQuickReady
                ? min(half, unquickMax - totals.slowInFlight - totals.untriedInFlight) : .max
            taken += take(.untried, min(limit - taken, untriedRoom), into: &spans, at: now)
        }
        taken += take(.quick, limit - taken, into: &spans, at: now)
        if taken < limit, !orders.areQuickOnly {
            taken += take(.untried, limit - taken, into: &spans, at: now)
            let isAllSlow = !mayComeMore && !isReady(.untried)
            let room = isAllSlow ? limit - taken : min(limit - taken, slowRoom)
            taken += take(.slow, room, into: &spans, at: now)
        }
        return taken
    }

    private var slowRoom: Int { slowMax - totals.slowInFlight }

    /// Moves jobs of one lane after the other, as far as they have a pace.
    private mutating func take(
        _ pace: Lane.Pace, _ limit: Int, into spans: inout SpanQueue, at now: Now
    ) -> Int {
        var taken = 0
        while taken < limit, isReady(pace), let id = orders[pace].first {
            taken += takeOfLane(id, limit - taken, into: &spans, at: now)
        }
        return taken
    }

    private mutating func takeOfLane(
        _ id: Host.ID, _ limit: Int, into spans: inout SpanQueue, at now: Now
    ) -> Int {
        var taken = 0
        withLane(id) { lane in taken = lane.take(limit, into: &spans, at: now) }
        // One of which something is known is judged by what ends.
        if taken > 0, let lane = lanes[id] { watch(lane, at: now) }
        return taken
    }

    /// Whether some lane of a pace can hand out. The first in the order is such a lane then.
    private mutating func isReady(_ pace: Lane.Pace) -> Bool {
        while let id = orders[pace].first {
            if let lane = lanes[id], lane.canTake, lane.pace == pace { return true }
            dropFirst(pace)
        }
        return false
    }

    /// Takes the first lane out of an order. A lane that can hand out is put back as the last.
    private mutating func dropFirst(_ pace: Lane.Pace) {
        let id = orders[pace].removeFirst()
        guard let lane = lanes[id] else { return }
        lane.isQueued = false
        withLane(id) { _ in }
    }

    /// Hands out jobs of hosts that are out of reach, where it is time to try these hosts again.
    mutating func probe(_ limit: Int, into spans: inout SpanQueue, at now: Now) -> Int {
        guard now.monotonicMicros >= probeMicros, limit > 0 else { return 0 }
        triedLanes = []
        var taken = 0
        // Not each lane that is out of reach: there may be a hundred thousand.
        while taken < limit, probeRoom > 0,
            let id = probeQueue.takeFirst(upTo: now.monotonicMicros)
        {
            // Others are of no use: an earlier one was set since, or the host is back.
            guard let lane = lanes[id], lane.probeMicros <= now.monotonicMicros else { continue }
            lane.probeMicros = .max
            guard lane.isTripped else { continue }
            taken += takeOfLane(id, min(limit - taken, probeRoom), into: &spans, at: now)
        }
        for tried in triedLanes ?? [] { probeQueue.add(tried.id, atMicros: tried.micros) }
        triedLanes = nil
        return taken
    }

    /// The earliest time that a host out of reach may be tried again, in µs on the monotonic clock,
    /// perhaps in the past; `.max` when no such host can be tried.
    var probeMicros: Int { probeQueue.firstMicros ?? .max }

    /// Has a lane probed, unless it is sooner; once a time.
    private mutating func probe(_ lane: Lane, atMicros micros: Int) {
        guard micros < lane.probeMicros else { return }
        lane.probeMicros = micros
        if triedLanes == nil {
            probeQueue.add(lane.host.id, atMicros: micros)
        } else {
            triedLanes?.append((lane.host.id, micros))
        }
    }

    /// The number of jobs of hosts out of reach that may go out. While others can go on, they are not
    /// to be held up by what is not likely to answer.
    private var probeRoom: Int { areOpen ? max(0, probes - totals.heldInFlight) : .max }

    /// Puts the first lanes last, where they have one of some jobs.
    mutating func passOver(_ jobs: [Job]) {
        for pace in Lane.Pace.allCases {
            if let id = orders[pace].first, jobs.contains(where: { $0.chunk.hostID == id }) {
                dropFirst(pace)
            }
        }
    }

    // MARK: - Jobs that wait for hosts

    /// Takes out spans of lists that pass a test.
    mutating func removeListed(where isUnwanted: (JobSpan) -> Bool) {
        for id in Array(lanes.keys) where lanes[id]?.listed ?? 0 > 0 {
            withLane(id) { $0.removeListed(where: isUnwanted) }
        }
    }
}
