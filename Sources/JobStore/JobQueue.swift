/// Read access to a queue, also while a run works on it.
public protocol JobLedger: Sendable {
    /// Returns the number of jobs by state and outcome. These totals are stored, never counted over
    /// jobs or batches.
    ///
    /// - Complexity: O(outcomes + segments leased).
    func counts() async throws(QueueError) -> QueueCounts

    /// Returns where responses are kept, and how much of each file counts.
    func output() async throws(QueueError) -> QueueOutput

    /// Returns the states of jobs in the order the jobs were enqueued, a page at a time.
    ///
    /// - Parameter place: The place to begin at. A place in a missing batch, or past the end of a
    ///   batch, means the start of the next batch.
    /// - Returns: Runs of jobs with the same state and outcome, with nothing left out between the
    ///   runs; the last page has no `next`. Each page is one snapshot; the pages together are not.
    /// - Throws: `.damaged` when a job has no place in the store or an outcome that nothing
    ///   explains.
    /// - Complexity: O(runs in the page); memory does not depend on the number of jobs.
    func page(from place: LedgerPlace) async throws(QueueError) -> LedgerPage

    /// Checks the invariant over the whole queue.
    ///
    /// The store's file may hold anything: an impossible value is reported as a fault, too.
    ///
    /// - Returns: A sentence for each of the first thousand violations; empty when the queue is
    ///   sound.
    /// - Complexity: O(batches + spans + segments); memory does not grow with them.
    func verify() async throws(QueueError) -> [String]

    /// Closes the store; no method may be called afterwards.
    func close() async
}

/// The interface between a run and the store that keeps its jobs.
///
/// No method is called per job: claims come in segments, marks in commits. A store keeps one
/// invariant: the jobs of a batch are tiled exactly by the batch's spans and segments, and the
/// tallies are the sums over spans and segments. Every method that writes is one transaction: when
/// the process is killed at any point, the method has either happened in full or not at all.
///
/// - SeeAlso: `docs/STATES.md`, and `Tests/JobStoreTests/JobQueueConformance.swift`, which any
///   store must pass.
public protocol JobQueue: JobLedger {
    /// Adds a batch whose jobs are all available.
    ///
    /// - Returns: The batch, durable once this method returns.
    func enqueue(_ range: JobRange, request: RequestTemplate) async throws(QueueError) -> Batch

    /// Registers a runner and takes back all jobs that dead runners held (`rescue`).
    ///
    /// - Throws: `.inUse` when the store lets only one runner work at a time and another one is
    ///   alive.
    func attach(_ runner: RunnerDescription) async throws(QueueError) -> Attachment

    /// Leases segments until they hold `jobs` jobs to do: first segments that were begun before,
    /// then new ones by rising position.
    ///
    /// - Parameters:
    ///   - jobs: 1 or more. The last segment may take the number past `jobs`. A store limits the
    ///     segments of one claim, so with batches of few jobs the number may stay below `jobs`.
    ///   - skipped: Batches from which nothing is leased; some thousands at most.
    /// - Returns: The segments; empty when no job of another batch is available now.
    /// - Complexity: O(segments returned · log *n* + segments and spans skipped).
    func claim(
        jobs: Int, skipping skipped: Set<Batch.ID>
    ) async throws(QueueError) -> [Segment]

    /// Leases up to `limit` jobs whose next attempt is due at `nowMicros`, longest due first.
    ///
    /// - Parameter nowMicros: The Unix time in µs. A retry further ahead of this time than
    ///   `Retry.maximumWaitMicros` counts as due.
    func claimRetries(dueAt nowMicros: Int, limit: Int) async throws(QueueError) -> RetryClaim

    /// Records where responses go from now on, and the files that take them.
    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile]
    ) async throws(QueueError)

    /// Records how attempts ended, how much of the output counts, and that the runner is alive.
    /// Without marks and files the commit is only a heartbeat.
    ///
    /// - Parameter files: The output files that are new or have changed, in the state they already
    ///   have on disk.
    /// - Throws: `.fenced` when a job is not leased to this runner; then nothing is recorded.
    func commit(
        _ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat
    ) async throws(QueueError)

    /// Gives back all that this runner holds and removes the runner from the queue. Marked jobs
    /// stay marked.
    func detach() async throws(QueueError)
}

extension JobQueue {
    /// Claims jobs of any batch.
    public func claim(jobs: Int) async throws(QueueError) -> [Segment] {
        try await claim(jobs: jobs, skipping: [])
    }

    /// Commits marks of jobs that leave nothing in the output.
    public func commit(_ marks: [Mark], heartbeat: Heartbeat) async throws(QueueError) {
        try await commit(marks, [], heartbeat: heartbeat)
    }
}

/// Bounds on retries that all stores share.
public enum Retry {
    /// The longest wait that a job is ever given: an hour, in µs.
    public static let longestWaitMicros = 3_600_000_000
    /// The farthest, in µs, that a retry may lie ahead. A retry further ahead was written before
    /// the clock was set back, and counts as due. The bound is a minute more than the longest wait,
    /// so that a small correction of the clock does not cut such a wait short.
    public static let maximumWaitMicros = longestWaitMicros + 60_000_000
}

/// The claimed retries, and the time when the next retry is due.
public struct RetryClaim: Sendable {
    public let jobs: [DueRetry]
    /// The Unix time in µs of the earliest retry that was not claimed; `nil` when none waits.
    public let nextDueMicros: Int?

    public init(jobs: [DueRetry], nextDueMicros: Int?) {
        self.jobs = jobs
        self.nextDueMicros = nextDueMicros
    }
}

/// A runner's process and workers, as `status` shows them.
public struct RunnerDescription: Sendable {
    public let pid: Int
    public let workers: Int

    public init(pid: Int, workers: Int) {
        self.pid = pid
        self.workers = workers
    }
}

/// The state that a runner reports with each commit.
public struct Heartbeat: Sendable {
    public let requestsPerSecond: Double
    /// The reason no request gets through at present; `nil` when some do.
    public let trouble: String?

    public init(requestsPerSecond: Double, trouble: String? = nil) {
        self.requestsPerSecond = requestsPerSecond
        self.trouble = trouble
    }
}

/// The state of the queue that a runner gets when it attaches.
public struct Attachment: Sendable {
    /// The number of jobs that dead runners held and had not marked; these jobs can be claimed
    /// again.
    public let rescued: Int
    /// The number of rescued jobs that may have been sent already: an estimate from workers and
    /// rate.
    public let mayRepeat: Int
    /// The counts after the rescue.
    public let counts: QueueCounts
    public let output: QueueOutput

    public init(rescued: Int, mayRepeat: Int, counts: QueueCounts, output: QueueOutput) {
        self.rescued = rescued
        self.mayRepeat = mayRepeat
        self.counts = counts
        self.output = output
    }
}
