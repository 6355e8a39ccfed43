/// What can be read of a queue, also while a run works on it.
public protocol JobLedger: Sendable {
    /// Totals by state and outcome. They are kept, never counted over jobs or batches.
    ///
    /// - Complexity: O(outcomes + segments leased).
    func counts() async throws(QueueError) -> QueueCounts

    /// Where responses are kept, and how much of each file counts.
    func output() async throws(QueueError) -> QueueOutput

    /// How jobs stand, in the order they were enqueued, a page at a time.
    ///
    /// - Parameter place: Where to begin; in a batch that is not there, or past its end, it is at
    ///   the next one.
    /// - Returns: Runs of jobs that stand alike, with nothing left out between them; the last page
    ///   has no `next`. Each page is one snapshot, the pages together are not.
    /// - Throws: `.damaged` where a job has no place or an outcome that nothing explains.
    /// - Complexity: O(runs in the page); memory does not depend on how many jobs there are.
    func page(from place: LedgerPlace) async throws(QueueError) -> LedgerPage

    /// Checks the invariant over the whole queue.
    ///
    /// Whatever the store's file holds: what cannot be is a fault, too.
    ///
    /// - Returns: A sentence for each violation, the first thousand of them; empty when the queue is
    ///   sound.
    /// - Complexity: O(batches + spans + segments); memory does not grow with them.
    func verify() async throws(QueueError) -> [String]

    /// Closes the store; nothing may be called after it.
    func close() async
}

/// Where jobs are kept: the seam between a run and its store.
///
/// Nothing here is called per job: claims come in segments, marks in commits. A store keeps one
/// invariant: the jobs of a batch are tiled exactly by its spans and segments, and the tallies are
/// their sums. Every method that writes is one transaction: killed anywhere, it has happened or not.
///
/// - SeeAlso: `docs/STATES.md`, and `Tests/JobStoreTests/JobQueueConformance.swift`, which any
///   store must pass.
public protocol JobQueue: JobLedger {
    /// Adds a batch, all of its jobs available.
    ///
    /// - Returns: The batch, durable once this returns.
    func enqueue(_ range: JobRange, request: RequestTemplate) async throws(QueueError) -> Batch

    /// Registers a runner and takes back whatever dead runners held (`rescue`).
    ///
    /// - Throws: `.inUse` where the store lets one runner work at a time and another lives.
    func attach(_ runner: RunnerDescription) async throws(QueueError) -> Attachment

    /// Leases segments until they hold `jobs` jobs to do: first those begun before, then new ones by
    /// rising position.
    ///
    /// - Parameters:
    ///   - jobs: 1 or more. The last segment may exceed it; batches of few jobs, of which a store
    ///     takes so many at once and no more, may fall short of it.
    ///   - skipped: Batches nothing is leased of. Some thousands at most.
    /// - Returns: Empty when no job of another batch is available now.
    /// - Complexity: O(segments returned · log *n* + segments and spans skipped).
    func claim(
        jobs: Int, skipping skipped: Set<Batch.ID>
    ) async throws(QueueError) -> [Segment]

    /// Leases up to `limit` jobs whose next attempt is due at `nowMicros`, longest due first.
    ///
    /// - Parameter nowMicros: Unix time in µs. A row further ahead than `Retry.maximumWaitMicros`
    ///   counts as due.
    func claimRetries(dueAt nowMicros: Int, limit: Int) async throws(QueueError) -> RetryClaim

    /// Records where responses go from now on, and the files they go to.
    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile]
    ) async throws(QueueError)

    /// Records how attempts ended, how much of the output counts, and that the runner lives.
    /// Without marks and files it is a heartbeat and nothing else.
    ///
    /// - Parameter files: Those that changed, as they are on disk already; new ones among them.
    /// - Throws: `.fenced` when a job is not leased to this runner; then nothing is recorded.
    func commit(
        _ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat
    ) async throws(QueueError)

    /// Gives back all this runner holds and forgets it. What was marked stays marked.
    func detach() async throws(QueueError)
}

extension JobQueue {
    /// A claim of jobs of any batch.
    public func claim(jobs: Int) async throws(QueueError) -> [Segment] {
        try await claim(jobs: jobs, skipping: [])
    }

    /// A commit of jobs that leave nothing in the output.
    public func commit(_ marks: [Mark], heartbeat: Heartbeat) async throws(QueueError) {
        try await commit(marks, [], heartbeat: heartbeat)
    }
}

/// Bounds on retries every store shares.
public enum Retry {
    /// The longest a job is ever told to wait: an hour, in µs.
    public static let longestWaitMicros = 3_600_000_000
    /// A retry further ahead than so many µs was written under a clock since set back, and counts as
    /// due. A minute more than the longest wait, which a clock that is corrected a little must not
    /// cut short.
    public static let maximumWaitMicros = longestWaitMicros + 60_000_000
}

/// The retries claimed, and when the next one is due.
public struct RetryClaim: Sendable {
    public let jobs: [DueRetry]
    /// Unix time in µs of the earliest retry that was not claimed; `nil` when none waits.
    public let nextDueMicros: Int?

    public init(jobs: [DueRetry], nextDueMicros: Int?) {
        self.jobs = jobs
        self.nextDueMicros = nextDueMicros
    }
}

/// Who runs, as `status` shows it.
public struct RunnerDescription: Sendable {
    public let pid: Int
    public let workers: Int

    public init(pid: Int, workers: Int) {
        self.pid = pid
        self.workers = workers
    }
}

/// What a runner tells of itself with each commit.
public struct Heartbeat: Sendable {
    public let requestsPerSecond: Double
    /// Why nothing gets through at present; `nil` when something does.
    public let trouble: String?

    public init(requestsPerSecond: Double, trouble: String? = nil) {
        self.requestsPerSecond = requestsPerSecond
        self.trouble = trouble
    }
}

/// What a runner finds when it attaches.
public struct Attachment: Sendable {
    /// Jobs dead runners had taken and not marked: available again.
    public let rescued: Int
    /// Of these, how many may have been sent already: an estimate from workers and rate.
    public let mayRepeat: Int
    /// As of now, after the rescue.
    public let counts: QueueCounts
    public let output: QueueOutput

    public init(rescued: Int, mayRepeat: Int, counts: QueueCounts, output: QueueOutput) {
        self.rescued = rescued
        self.mayRepeat = mayRepeat
        self.counts = counts
        self.output = output
    }
}
