internal import JobStore
internal import Synchronization

/// Writes and commits finished jobs, many at a time, and only then counts them as done.
final class Marker: Sendable {
    private struct State {
        var buffer = MarkBuffer()
        /// The reason that no more can be committed.
        var failure: (any Error)?
        /// The times that commits took, and their sum in µs.
        var commits = Histogram(.fine)
        var commitMicros = 0
    }

    private let state = Locked(State())
    private let bell = Doorbell()
    private let lease: any RunnerLease
    private let feed: Feed
    private let patience: Patience
    private let sink: (any Sink)?
    private let board: MeasureBoard
    private let follower: Follower?
    private let afterCommit: @Sendable () -> Void
    /// The time in µs between reports of trouble; shorter than the age at which a report is ignored
    /// (`LiveRun.trouble`).
    private static let beatMicros = 4_000_000

    /// - Parameters:
    ///   - sink: The sink that keeps records; `nil` when nothing is kept.
    ///   - board: Where the text is that goes with the heartbeat.
    ///   - follower: Makes requests of what responses lead to; `nil` when nothing is followed.
    ///   - afterCommit: Called after each commit.
    init(
        lease: any RunnerLease, feed: Feed, patience: Patience, sink: (any Sink)? = nil,
        board: MeasureBoard = MeasureBoard(), follower: Follower? = nil,
        afterCommit: @escaping @Sendable () -> Void = {}
    ) {
        self.follower = follower
        self.lease = lease
        self.feed = feed
        self.patience = patience
        self.sink = sink
        self.board = board
        self.afterCommit = afterCommit
    }

    /// Takes over marks and records from a loop. Called once for each part of a loop's turn, not
    /// once a job.
    ///
    /// - Parameter isLast: Whether nothing else is on its way at present.
    func add(_ handover: Handover, at now: Now, isLast: Bool = false) {
        follower?.awaits(handover.pages)
        if state.withLock({ $0.buffer.add(handover, at: now, isLast: isLast) }) { bell.ring() }
    }

    /// The times that commits took so far, and their sum in µs.
    var commits: (times: Histogram, micros: Int) {
        state.withLock { ($0.commits, $0.commitMicros) }
    }

    /// Tells the marker that no more handovers will come.
    func close() {
        state.withLock { $0.buffer.close() }
        bell.ring()
    }

    /// Ends the run with an error, since further responses cannot be kept, or handled.
    func fail(_ error: any Error) {
        state.withLock { $0.failure = $0.failure ?? error }
        bell.ring()
    }

    /// Commits until the buffer is closed and empty.
    ///
    /// - Throws: The error of the queue or the output for a commit that failed. The commit is not
    ///   blindly tried again: its jobs stay unmarked, and the next run fetches them again.
    func run() async throws {
        var rate = RateMeter(at: feed.pause.unpaused(.read()))
        var nextBeatMicros = 0
        while true {
            let now = Now.read()
            let next = try state.withLock { state in
                if let failure = state.failure { throw failure }
                return state.buffer.next(at: now)
            }
            switch next {
            case .commit(let handovers):
                let bytes = handovers.reduce(0) { $0 + $1.size }
                try await commit(handovers, bytes, at: now, &rate)
                let tookMicros = Now.read().monotonicMicros - now.monotonicMicros
                state.withLock { state in
                    state.buffer.committed(bytes, inMicros: tookMicros)
                    state.buffer.pace(by: lease.commitInterval)
                    state.commits.add(tookMicros)
                    state.commitMicros += max(0, tookMicros)
                }
                nextBeatMicros = now.monotonicMicros + Self.beatMicros
                afterCommit()
            case .wait(let untilMicros):
                let beatMicros = now.monotonicMicros + Self.beatMicros
                await bell.wait(untilMicros: min(untilMicros ?? .max, beatMicros))
                try await beat(rate, &nextBeatMicros)
            case .ended:
                return
            }
        }
    }

    /// Tells in the queue how the run is doing, and why nothing gets through, for people who look
    /// at the queue from outside: at such times no commit tells them.
    private func beat(
        _ rate: RateMeter, _ nextBeatMicros: inout Int
    ) async throws(QueueError) {
        let now = Now.read()
        guard now.monotonicMicros >= nextBeatMicros else { return }
        let (trouble, text) = (feed.stall, board.takeText())
        guard trouble != nil || text != nil else { return }
        nextBeatMicros = now.monotonicMicros + Self.beatMicros
        try await patience.whileBusy { () async throws(QueueError) in
            try await lease.renew(
                Heartbeat(
                    requestsPerSecond: rate.perSecond(at: feed.pause.unpaused(now)),
                    trouble: trouble.map { Trouble($0, at: now).sentence }, measures: text))
        }
    }

    /// Writes the records, and only then commits the marks: a mark says that its records are
    /// durable.
    private func commit(
        _ handovers: [Handover], _ bytes: Int, at now: Now, _ rate: inout RateMeter
    ) async throws {
        let marks = handovers.flatMap(\.marks)
        let files = try await sink?.write(handovers.map(\.deposit)) ?? []
        let unpaused = feed.pause.unpaused(now)
        rate.add(marks.count, at: unpaused)
        let heartbeat = Heartbeat(
            requestsPerSecond: rate.perSecond(at: unpaused), hosts: feed.takeChangedPaces(at: now),
            measures: board.takeText())
        let pages = handovers.flatMap(\.pages)
        let found = follower?.requests(of: pages) ?? []
        let countMax = follower?.jobsMax ?? .max
        let tally = try await patience.whileBusy { () async throws(QueueError) in
            try await lease.commit(marks, files, found, countMax: countMax, heartbeat: heartbeat)
        }
        follower?.add(tally, of: pages)
        try await sink?.committed()
        feed.marked(marks, bytes: bytes, hasMore: tally.added > 0)
    }
}
