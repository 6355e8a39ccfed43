internal import JobStore
internal import Synchronization

/// Drives a `JobFeed`: claims from the queue ahead of need and wakes loops that ran out of jobs.
final class Feed: Sendable {
    let state: Locked<JobFeed>
    let chunks = Locked<[Batch.ID: RequestChunk]>([:])
    let hosts = HostTable()
    /// The attempts that this run has committed.
    let attempts = Locked(OutcomeTally())
    let defaults: RequestDefaults
    let perHost: PerHost
    let bell = Doorbell()
    /// Whether an answer of the queue is waited for.
    let isAsking = Locked(false)
    let wakeLoops: @Sendable () -> Void
    private let lease: any RunnerLease
    let patience: Patience

    /// - Parameters:
    ///   - defaults: The part of requests that comes from the run.
    ///   - perHost: The bound on requests in flight to one host.
    ///   - wakeLoops: Called when loops that had too few jobs may ask again; must not block.
    init(
        lease: any RunnerLease, state: sending JobFeed, patience: Patience,
        defaults: RequestDefaults,
        perHost: PerHost = .lists, wakeLoops: @escaping @Sendable () -> Void
    ) {
        self.lease = lease
        self.patience = patience
        self.defaults = defaults
        self.perHost = perHost
        self.state = Locked(state)
        self.wakeLoops = wakeLoops
    }

    /// Claims until nothing is left to fetch, or until drained.
    ///
    /// - Parameters:
    ///   - stallMicrosMax: The time in µs for which the run may have nothing to do but wait for
    ///     hosts out of reach, or for this machine.
    ///   - idleMicrosMax: The time in µs for which the queue may be empty before the run ends; 0 to
    ///     end at once.
    /// - Returns: The reason that the run is over.
    /// - Throws: `QueueError`; `RequestError` when requests refer to what is missing.
    func run(stallMicrosMax: Int, idleMicrosMax: Int = 0) async throws -> End {
        var idleSinceMicros: Int?
        while !Task.isCancelled {
            let now = Now.read()
            let (need, stalledSinceMicros, isWakeDue) = state.withLock {
                let need = $0.need(at: now)
                let isWakeDue = $0.isWakeDue(at: now)
                if isWakeDue { $0.areWoken() }
                return (need, $0.stalledSinceMicros, isWakeDue)
            }
            // A pause that is over lets loops ask again; while it lasts they would ask in vain.
            if isWakeDue { wakeLoops() }
            let giveUpMicros = stalledSinceMicros.map { $0 + stallMicrosMax }
            if let giveUpMicros, now.monotonicMicros >= giveUpMicros { return .stalled }
            switch need {
            case .jobs(let request):
                let claim = try await ask { () async throws(QueueError) in
                    try await lease.claim(request)
                }
                // Before the lock: lines take time to be unpacked.
                let spans = try claim.segments.flatMap(spans)
                let after = Now.read()
                let mayGoOn = state.withLock { state in
                    state.add(claim, spans, at: after)
                    let mayGoOn = !claim.segments.isEmpty || state.isStarved && state.startable > 0
                    if mayGoOn { state.areWoken() }
                    return mayGoOn
                }
                if !claim.segments.isEmpty { idleSinceMicros = nil }
                if mayGoOn { wakeLoops() }
            case .retries(let limit):
                let claim = try await ask { () async throws(QueueError) in
                    try await lease.claimRetries(limit: limit)
                }
                let after = Now.read()
                let spans = try claim.jobs.flatMap { try self.spans(of: $0, at: after) }
                state.withLock { state in
                    state.add(claim, spans, at: after)
                    if !claim.jobs.isEmpty { state.areWoken() }
                }
                if !claim.jobs.isEmpty { wakeLoops() }
            case .park(let blocks, let micros):
                try await ask { () async throws(QueueError) in
                    try await lease.park(
                        blocks.map { .init(batchID: $0.batch, position: $0.first) },
                        for: .microseconds(micros))
                }
            case .wait(let untilMicros):
                let wakeMicros = [untilMicros, giveUpMicros].compactMap(\.self).min()
                await bell.wait(untilMicros: wakeMicros)
            case .finished:
                let since = idleSinceMicros ?? now.monotonicMicros
                let leftMicros = idleMicrosMax - (now.monotonicMicros - since)
                if leftMicros <= 0 || state.withLock(\.isDraining) { return .finished }
                idleSinceMicros = since
                let pauseMicros = min(leftMicros, Self.idleLookMicros)
                await bell.wait(untilMicros: now.monotonicMicros + pauseMicros)
                state.withLock { $0.askAgain() }
            case .denied(let denial):
                return .denied(denial)
            }
        }
        return .finished
    }

    /// The reason that `run` returns.
    enum End: Equatable {
        /// Nothing is left to fetch, or the run was drained.
        case finished
        case stalled
        case denied(JobFeed.Denial)
    }

    /// The time in µs after which a queue that was empty is looked at again, by a run that stays.
    private static let idleLookMicros = 500_000

    /// The feed's answer to a loop that asked for jobs.
    struct Handout {
        var isClosed = false
        /// Whether the queue has no job for its first attempt, as far as is known.
        var isDry = false
        /// The reason why there are no more jobs, where there are not.
        var shortage = Shortage.noJob
    }

    /// Takes the paces of hosts that have changed and are not kept in the queue.
    func takeChangedPaces(at now: Now) -> [HostPace] {
        state.withLock { $0.takeChangedPaces(at: now) }
    }

    /// Appends up to `limit` jobs to `spans`. Never blocks for long; called by loops.
    ///
    /// - Parameters:
    ///   - inFlightMax: The number of requests that there is memory for.
    ///   - untold: Attempts of the loop that have ended and are not reported.
    func take(
        _ limit: Int, into spans: inout SpanQueue, at now: Now, inFlightMax: Int = .max,
        untold: Int = 0
    ) -> Handout {
        // Asked each time: a process that was stopped for a while does not know it.
        let isInDoubt = isHoldInDoubt
        let (handout, isToLook) = state.withLock { state in
            let isNews = isInDoubt && state.setInDoubt(true, at: now)
            let wasShort = state.isShort
            _ = state.take(
                limit, into: &spans, at: now, inFlightMax: inFlightMax, untold: untold)
            return (
                Handout(
                    isClosed: state.isDraining, isDry: state.isDry,
                    shortage: state.shortage(inFlightMax: inFlightMax)),
                isNews || !wasShort && state.isShort || state.isLookSooner(at: now)
            )
        }
        if isToLook { bell.ring() }
        return handout
    }

    /// Whether the queue has not heard of this run for so long that it must send nothing more.
    var isHoldInDoubt: Bool { lease.heldUntil.map { $0 <= .now } ?? false }

    /// Feed state returned to a loop after its report.
    struct FeedState {
        /// Whether nothing else is on its way. Then ended jobs need not wait for others before they
        /// are committed.
        var isLast = false
        /// Whether there are jobs for workers that asked for one and got none.
        var isOpen = false
    }

    /// Takes in the report of what ended on a loop in a turn.
    ///
    /// - Parameter asking: The workers of the loop that are about to ask for jobs.
    @discardableResult
    func ended(_ turn: TurnReport, asking: Int = 0, at now: Now) -> FeedState {
        let (feedState, ring, mayGoOn) = state.withLock { state in
            let before = (state.reach, state.machineTrouble)
            state.ended(turn, at: now)
            let feedState = FeedState(
                isLast: state.awaitsMarks,
                isOpen: state.isStarved && state.startable > 0)
            let isIdle = state.inFlight == 0
            let isChanged = state.reach != before.0 || state.machineTrouble != before.1
            let mayGoOn =
                state.reach.regained != before.0.regained
                || before.1 != nil && state.machineTrouble == nil
                // More than the workers of the loop take.
                || state.isStarved && state.startable > asking
                // A loop counted those that had ended on others.
                || feedState.isOpen && state.workersMax != nil
                // Those that sent nothing leave their turn, or their host, to others.
                || feedState.isOpen && turn.isOfRobots
                // Given back for want of memory, which is there now.
                || state.isStarved && isIdle && !turn.givenBack.isEmpty
            if mayGoOn { state.areWoken() }
            let ring =
                isIdle || !turn.givenBack.isEmpty || turn.isOfRobots || isChanged
            return (feedState, ring || state.isLookSooner(at: now), mayGoOn)
        }
        if ring { bell.ring() }
        if mayGoOn { wakeLoops() }
        return feedState
    }

    /// Takes in marks that were committed just now.
    ///
    /// - Parameter hasMore: Whether jobs were added to the queue with them.
    func marked(_ marks: [Mark], bytes: Int = 0, hasMore: Bool = false) {
        let now = Now.read()
        attempts.withLock { $0.add(marks) }
        let isStarved = state.withLock { state in
            state.marked(marks, bytes: bytes, at: now)
            if hasMore { state.hasMore() }
            defer { state.areWoken() }
            return state.isStarved
        }
        bell.ring()
        if isStarved { wakeLoops() }
    }

    /// Stops handing out jobs; requests in flight may end.
    func drain() {
        state.withLock { $0.drain() }
        bell.ring()
        wakeLoops()
    }

    /// Bytes of output that wait for their commit.
    var unmarkedBytes: Int { state.withLock { $0.unmarkedBytes } }

    /// The final outcomes that this run has committed.
    var committed: [Outcome: Int] { attempts.withLock(\.ofJobs) }
    /// Requests in flight, for display.
    var inFlight: Int { state.withLock { $0.inFlight } }
    /// Outages at present, the longest-lasting first.
    var outages: [JobFeed.Outage] { state.withLock { $0.outages } }
    /// The longest-lasting outage, while there is nothing to do but to wait for its end; `nil`
    /// otherwise.
    var stall: JobFeed.Outage? {
        state.withLock { $0.stalledSinceMicros == nil ? nil : $0.outages.first }
    }
}
