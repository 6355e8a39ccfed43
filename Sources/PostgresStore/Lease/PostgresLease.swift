internal import Glibc
internal import JobStore
internal import Synchronization

/// A runner's hold on a queue in PostgreSQL.
///
/// The runner has the segments that it holds in memory. A commit is one row in its log; now and then
/// the segments are written down and the log is emptied (`fold`). Both go by a connection of their
/// own. The row's number makes a commit that is sent twice one commit, and its runner's row keeps a
/// runner that was taken over from committing.
actor PostgresLease: RunnerLease {
    nonisolated let attachment: Attachment
    nonisolated let queue: PostgresQueue
    nonisolated let runner: Int
    /// The only batch that the runner is handed jobs of; `nil` for all.
    nonisolated let batch: Batch.ID?
    nonisolated private let thread: BlockingThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let link: Link
    var clock: StoreClock { queue.clock }
    var codes = CodeBook()

    /// The segments that the runner holds.
    var held = SegmentTable()
    var batches: [Batch.ID: Batch] = [:]
    /// The batches among these that were cancelled.
    var cancelled: Set<Batch.ID> = []
    var retries = RetryList()
    /// Retries that are marked as being tried, and were handed to nobody: the answer to their claim
    /// was lost.
    var triedUnhanded: [LedgerPlace] = []
    /// Changes that others wrote of segments whose claim has not been answered yet.
    var unplaced: [(entry: LogBody.Entry, atMicros: Int)] = []

    /// The runners of the queue when they were last counted.
    nonisolated private let runnerCount = Locked(1)
    nonisolated var runnersSeen: Int { runnerCount.withLock(\.self) }
    /// The time at which the last call was made that has shown that the runner's row is there, and
    /// that has left a heartbeat.
    nonisolated private let lastHeard: Locked<ContinuousClock.Instant>

    /// The number of the last commit that is known here.
    var seq = 0
    /// The times that others are known to have written to the runner's log, and that the runner has
    /// made sure that a fold in doubt does not come late.
    var told = 0
    /// The number of a commit that was sent, and of which it is not known whether it happened.
    var pending: Int?
    /// Jobs whose marks were recorded though their commit was told otherwise.
    var settled: Set<LedgerPlace> = []
    var unfolded = Unfolded()
    /// The last commit that its segments tell of.
    var foldedSeq = 0
    /// A fold that was sent, and of which it is not known whether it happened: the last commit in it.
    var foldInDoubt: Int?
    /// The reason that nothing can be folded, and so nothing more committed.
    var foldFailure: QueueError?
    /// The paces of hosts that are not kept yet.
    var unsavedPaces: [HostPace] = []

    /// The number of the last claim.
    var claimCount = 0
    /// The number of the last claim whose segments are among those that are held.
    var claimsTaken = 0
    /// Claims whose segments are not among those that are held yet.
    var openClaims: Set<Int> = []
    /// Those of `openClaims` whose answer was lost.
    var claimsInDoubt: [Int] = []
    var idlePause = IdlePause()
    /// Whether there may be retries that nobody holds.
    var retriesMayBeLeft: Bool
    /// The retries that `attachment` has told of, and that were not leased yet.
    var retriesAnnounced: Int
    private var hasEnded = false
    private var keeper: Task<Void, Never>?
    var lastHeartbeat = Heartbeat(requestsPerSecond: 0)
    var lastCommitMicros = SystemClock.monotonicMicros()

    /// The part of the log that the segments' rows do not tell of.
    struct Unfolded {
        var tally = TallyChange()
        var files: [Int: OutputFile] = [:]
        /// The segments that have changed.
        var changed: Set<LedgerPlace> = []
        var commits = 0
    }

    /// Begins a runner's hold.
    static func make(
        of queue: PostgresQueue, runner: Int, batch: Batch.ID?, attachment: Attachment,
        askedAt: ContinuousClock.Instant
    ) async throws(QueueError) -> PostgresLease {
        let lease = try PostgresLease(queue, runner, batch, attachment, askedAt)
        await lease.beginToKeep()
        return lease
    }

    private init(
        _ queue: PostgresQueue, _ runner: Int, _ batch: Batch.ID?, _ attachment: Attachment,
        _ askedAt: ContinuousClock.Instant
    ) throws(QueueError) {
        thread = BlockingThread()
        if let number = thread.startFailure {
            throw QueueError(
                .io,
                "this system gives no thread for the queue (\(String(cString: strerror(number))))",
                remedy: .allowThreads)
        }
        self.queue = queue
        self.runner = runner
        self.batch = batch
        self.attachment = attachment
        lastHeard = Locked(askedAt)
        link = Link(queue.address)
        retriesMayBeLeft = attachment.retrying > 0
        retriesAnnounced = attachment.retrying
    }

    deinit {
        keeper?.cancel()
        thread.stop()
    }

    // MARK: - Marking

    func commit(
        _ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat
    ) throws(QueueError) {
        try checkIsHeld()
        try record(marks, files, heartbeat)
    }

    func renew(_ heartbeat: Heartbeat) throws(QueueError) {
        try checkIsHeld()
        try record([], [], heartbeat)
    }

    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile]
    ) async throws(QueueError) {
        try checkIsHeld()
        try foldNow()
        do { try await queue.keepOutput(settings, files, of: attachment.site, for: runner) } catch {
            throw seen(error)
        }
    }

    func handedOver(_ file: Int) async throws(QueueError) {
        try checkIsHeld()
        // The row of the file is to say that it is sealed.
        if unfolded.files[file] != nil { try foldNow() }
        do { try await queue.handedOver(file, of: attachment.site, for: runner) } catch {
            throw seen(error)
        }
    }

    func steering() async throws(QueueError) -> Steering {
        try checkIsHeld()
        do { return try await queue.steering(of: runner) } catch { throw seen(error) }
    }

    func hostsHeldOfLate() async throws(QueueError) -> [HostPace] {
        try checkIsHeld()
        do { return try await queue.hostsHeldOfLate() } catch { throw seen(error) }
    }

    func took(wish number: Int) async throws(QueueError) {
        try checkIsHeld()
        do { try await queue.took(wish: number, by: runner) } catch { throw seen(error) }
    }

    // MARK: - The end

    func detach() async throws(QueueError) {
        try checkIsHeld()
        end()
        try await queue.detach(runner)
    }

    func abandon() async {
        end()
        await queue.abandon(runner)
    }

    private func end() {
        hasEnded = true
        keeper?.cancel()
        link.close()
    }

    /// Whether the runner has not ended.
    var isHeld: Bool { !hasEnded }

    func checkIsHeld() throws(QueueError) {
        guard isHeld else { throw queue.fenced("the runner is not attached") }
    }

    func share(_ claim: RateClaim) async throws(QueueError) -> RateShare? {
        try checkIsHeld()
        let pause = Self.sharePause(runners: runnersSeen)
        do { return try await queue.share(claim, of: runner, next: pause) } catch {
            throw seen(error)
        }
    }

    // MARK: - Staying alive

    /// Half of the time after which others take over a runner that is silent: so it has stopped by
    /// then, though nobody has told it to. By the clock that goes on while the machine sleeps.
    nonisolated var heldUntil: ContinuousClock.Instant? {
        lastHeard.withLock(\.self) + .microseconds(RunnerWatch.leaseMicros / 2)
    }

    /// Takes in that the queue has heard of this runner, by a commit that was sent at a moment.
    nonisolated func heard(_ sentAt: ContinuousClock.Instant) { lastHeard.withLock { $0 = sentAt } }

    /// A second with up to 250 runners, and as much more as there are more, up to four.
    nonisolated static func sharePause(runners: Int) -> Duration {
        .milliseconds(min(max(runners * 1000 / 250, 1000), 4000))
    }

    /// 100 ms with up to 250 runners, and as much more as there are more, up to a second: so that a
    /// server has 2,500 commits a second at most from up to 2,500 runners.
    nonisolated var commitInterval: Duration {
        Self.commitInterval(runners: runnersSeen)
    }

    nonisolated static func commitInterval(runners: Int) -> Duration {
        .milliseconds(min(max(runners * 100 / 250, 100), 1000))
    }

    /// The time between two looks of a runner at itself and at others.
    private static let keepPause = Duration.seconds(5)

    /// Not of any group: it lasts as long as the lease, which ends it.
    private func beginToKeep() {
        keeper = Task { [weak self] in
            while !Task.isCancelled {
                do { try await Task.sleep(for: Self.keepPause) } catch { return }
                guard let self, await self.keep() else { return }
            }
        }
    }

    /// Tells that the runner lives, where no commit did, and looks for others that do not.
    ///
    /// - Returns: Whether to go on.
    private func keep() async -> Bool {
        guard !hasEnded, await queue.attached.contains(runner) else { return false }
        let sinceMicros = SystemClock.monotonicMicros() - lastCommitMicros
        // What fails here is told to the next who claims or commits.
        if sinceMicros >= Self.keepPause.microseconds / 2 {
            let rate = lastHeartbeat.requestsPerSecond
            try? record([], [], Heartbeat(requestsPerSecond: rate, trouble: lastHeartbeat.trouble))
        }
        try? await queue.watchRunners(for: runner)
        let count = await queue.runnersSeen
        runnerCount.withLock { $0 = count }
        return true
    }
}
