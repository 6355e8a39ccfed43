internal import Glibc

/// A runner's hold on a queue, from `attach` to `detach`.
///
/// Once the runner was taken for dead and its jobs were given to another one, each method throws
/// `.fenced`.
public protocol RunnerLease: Sendable {
    /// The state of the queue as of `attach`.
    var attachment: Attachment { get }

    /// The time from a mark to its commit that suits the store at present: a second at most. A store
    /// of very many runners asks each to commit less often.
    var commitInterval: Duration { get }

    /// The moment from which this runner is to send nothing more, unless the store has heard of it by
    /// then; `nil` where nobody takes over a runner that lives. Others do so later than that.
    var heldUntil: ContinuousClock.Instant? { get }

    /// Agrees on this runner's share of a rate that all runners of the queue keep to together
    /// (`JobQueue.setRate`).
    ///
    /// - Returns: The runner's share from now on. Where it is less than the runner keeps to, others
    ///   have more only once the runner has told that it keeps to it, by another call. `nil` where
    ///   each runner has a rate of its own.
    func share(_ claim: RateClaim) async throws(QueueError) -> RateShare?

    /// Leases segments: those of batches with the highest priority first; among these, segments that
    /// were begun before, then new ones by rising batch and position, then those of the lanes of
    /// lists with the most jobs.
    ///
    /// - Complexity: O(segments returned · log *n* + segments, spans and lanes skipped).
    func claim(_ request: ClaimRequest) async throws(QueueError) -> Claim

    /// Leases up to `limit` jobs whose next attempt is due, longest due first. A retry further
    /// ahead than `Retry.aheadMax` counts as due.
    func claimRetries(limit: Int) async throws(QueueError) -> RetryClaim

    /// Gives back segments that this runner holds, and that are not claimed again before a wait is
    /// over, unless a claim includes such: what is left of them waits for hosts. Those of a batch
    /// that was cancelled are cancelled.
    ///
    /// - Parameter starts: The first positions of the segments.
    func park(_ starts: [LedgerPlace], for wait: Duration) async throws(QueueError)

    /// Records where responses of the runner's site go from now on, and the files that take them.
    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile]
    ) async throws(QueueError)

    /// Records that a sealed file of the runner's site was handed over (`OutputFile.isHandedOver`),
    /// for good. A file that is not sealed stays as it is.
    ///
    /// - Parameter file: The number of the file.
    func handedOver(_ file: Int) async throws(QueueError)

    /// Returns the sealed files that are not handed over, of the folders that runs of other queues
    /// have written to before this queue was made of them.
    func inheritedFiles() async throws(QueueError) -> [InheritedFiles]

    /// Records that a file of `inheritedFiles` was handed over, for good.
    ///
    /// - Parameter file: The number of the file within the site.
    func handedOver(_ file: Int, ofInherited site: Site) async throws(QueueError)

    /// Records how attempts ended, how much of the site's output counts, and that the runner is
    /// alive. A job to be tried again is cancelled instead where its batch was.
    ///
    /// A store throws only when it knows that nothing was recorded, or that the run is over, but for
    /// `.unreachable`: then it is not known, and the same marks may be committed again. The store
    /// finds out which of them were recorded.
    ///
    /// - Parameter files: The output files that are new or have changed, in the state they already
    ///   have on disk.
    /// - Throws: `.fenced` when a job is not leased to this runner; then nothing is recorded.
    func commit(
        _ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat
    ) async throws(QueueError)

    /// Records as `commit` does, and adds requests that responses to the marked jobs led to, all in
    /// one transaction. Each is added that the queue's set of requests does not hold.
    ///
    /// This process has the right to add to the set: a list of `JobQueue.addUniqueList` is open.
    ///
    /// - Parameter countMax: The most jobs of a batch of such requests; others are left out.
    /// - Returns: The fate of the requests.
    func commit(
        _ marks: [Mark], _ files: [OutputFile], _ found: [FoundRequests], countMax: Int,
        heartbeat: Heartbeat
    ) async throws(QueueError) -> FoundTally

    /// Records that the runner is alive.
    func renew(_ heartbeat: Heartbeat) async throws(QueueError)

    /// Returns what people ask of this runner at present. Reads alone, and little, so that a run can
    /// ask twice a second.
    func steering() async throws(QueueError) -> Steering

    /// Returns hosts that runners of the queue, this one or others, were asked within some seconds to
    /// leave alone, and are to, in no order. Reads alone, and little, so that a run can ask every
    /// other second.
    func hostsHeldOfLate() async throws(QueueError) -> [HostPace]

    /// Records that this runner keeps to all wishes for limits up to a number (`Steering.wish`).
    func took(wish number: Int) async throws(QueueError)

    /// Gives back all that this runner holds and removes the runner from the queue. Marked jobs
    /// stay marked; what is given back of batches that were cancelled is cancelled. Whether it throws
    /// or not, the lease has ended.
    func detach() async throws(QueueError)

    /// Ends the lease without a word to the queue, as a kill does: for a queue that had better not
    /// be written to. The next runner to attach takes back what this one held.
    func abandon() async
}

extension RunnerLease {
    public var commitInterval: Duration { .milliseconds(100) }
    public var heldUntil: ContinuousClock.Instant? { nil }
    public func share(_ claim: RateClaim) async throws(QueueError) -> RateShare? { nil }

    /// For stores that have no set of requests: nobody can open a list for it.
    public func commit(
        _ marks: [Mark], _ files: [OutputFile], _ found: [FoundRequests], countMax: Int,
        heartbeat: Heartbeat
    ) async throws(QueueError) -> FoundTally {
        precondition(found.isEmpty, "there is no set of requests to add to")
        try await commit(marks, files, heartbeat: heartbeat)
        return FoundTally()
    }

    /// None, for stores whose queues have one runner at a time.
    public func hostsHeldOfLate() async throws(QueueError) -> [HostPace] { [] }

    /// Nothing, for stores whose queues are not made of others.
    public func inheritedFiles() async throws(QueueError) -> [InheritedFiles] { [] }

    public func handedOver(_ file: Int, ofInherited site: Site) async throws(QueueError) {
        preconditionFailure("a store that tells of inherited files takes note of them")
    }

    /// Claims jobs of any batch.
    public func claim(jobs: Int) async throws(QueueError) -> Claim {
        try await claim(ClaimRequest(jobs: jobs))
    }

    /// Commits marks of jobs that leave nothing in the output.
    public func commit(_ marks: [Mark], heartbeat: Heartbeat) async throws(QueueError) {
        try await commit(marks, [], heartbeat: heartbeat)
    }
}

/// The jobs that a runner wants.
public struct ClaimRequest: Equatable, Sendable {
    /// Segments are leased until they hold so many jobs to do, 1 or more. The last segment may take
    /// the number past it. A store limits the segments of one claim, so with batches of few jobs the
    /// number may stay below.
    public let jobs: Int
    /// Batches from which nothing is leased; some thousands at most.
    public let skippedBatches: Set<Batch.ID>
    /// Lanes of lists from which no block is leased that was not begun; some thousands at most.
    public let skippedLanes: Set<ListLane>
    /// Whether segments that were parked may be leased before their wait is over.
    public let includesParked: Bool
    /// The most jobs of a segment of a range that is leased for the first time, 1 to
    /// `Segment.countMax`, where a store lets others have the rest. It may take more.
    public let segmentJobsMax: Int

    public init(
        jobs: Int, skippedBatches: Set<Batch.ID> = [], skippedLanes: Set<ListLane> = [],
        includesParked: Bool = false, segmentJobsMax: Int = Segment.countMax
    ) {
        self.jobs = jobs
        self.segmentJobsMax = min(max(segmentJobsMax, 1), Segment.countMax)
        self.skippedBatches = skippedBatches
        self.skippedLanes = skippedLanes
        self.includesParked = includesParked
    }
}

/// The claimed segments, and when to claim again.
public struct Claim: Sendable {
    /// The time of the next claim that may find jobs.
    public enum Next: Equatable, Sendable {
        /// At once: more may be available.
        case now
        /// Nothing is available now, but other runners hold jobs that may come back.
        case after(Duration)
        /// Nothing is available, and no other runner holds anything. Jobs may still be enqueued.
        case finished
    }

    /// The segments; empty when no job of a batch that may be claimed is available.
    public let segments: [Segment]
    public let next: Next
    /// The jobs that wait for a retry and came with the claim: those of a runner that has ended.
    /// `claimRetries` hands them out from now on.
    public let retries: Int

    public init(segments: [Segment], next: Next, retries: Int = 0) {
        self.segments = segments
        self.next = next
        self.retries = retries
    }
}

/// The claimed retries, and the time until the next retry is due.
public struct RetryClaim: Sendable {
    public let jobs: [DueRetry]
    /// The time until the earliest retry that was not claimed is due; `nil` when none waits.
    public let nextDue: Duration?

    public init(jobs: [DueRetry], nextDue: Duration?) {
        self.jobs = jobs
        self.nextDue = nextDue
    }
}

/// The process of a runner, as people are shown it and as other runners tell it from theirs.
public struct RunnerDescription: Sendable {
    public let pid: Int
    /// Requests in flight at once.
    public let workers: Int
    /// The name of the machine.
    public let host: String
    /// The identity in the output folder that the run is to write to (`OutputSettings.identity`);
    /// `nil` when the folder holds none, or there is no output. A store of many sites finds the
    /// runner's site by it.
    public let siteIdentity: String?
    /// The only batch whose jobs the runner is handed, and that `Attachment.counts` and
    /// `Attachment.retrying` count; `nil` for all.
    public let batch: Batch.ID?
    /// The most requests a second that its user allows; `nil` for any number. Where the store shares a
    /// rate, that is the one of all runners from now on; `nil` leaves that of the others as it is.
    public let rate: Double?
    /// Whether the runner comes back after it was taken for dead. Then its rate counts only where
    /// there is no other runner.
    public let isReturning: Bool

    /// - Parameter host: `nil` for the name that this machine gives itself.
    public init(
        pid: Int, workers: Int, host: String? = nil, siteIdentity: String? = nil,
        batch: Batch.ID? = nil, rate: Double? = nil, isReturning: Bool = false
    ) {
        self.rate = rate
        self.isReturning = isReturning
        self.batch = batch
        self.pid = pid
        self.workers = workers
        self.host = host ?? Self.ownHost
        self.siteIdentity = siteIdentity
    }

    /// The name that this machine gives itself.
    public static var ownHost: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }
}

/// The state that a runner reports with each commit.
public struct Heartbeat: Sendable {
    public let requestsPerSecond: Double
    /// The reason no request gets through at present; `nil` when some do.
    public let trouble: String?
    /// The hosts whose pace has changed since the commit before.
    public let hosts: [HostPace]
    /// The measurements of the run so far, in the runner's own words (`LiveRun.measures`); `nil`
    /// leaves those that were reported last.
    public let measures: String?

    public init(
        requestsPerSecond: Double, trouble: String? = nil, hosts: [HostPace] = [],
        measures: String? = nil
    ) {
        self.requestsPerSecond = requestsPerSecond
        self.trouble = trouble
        self.hosts = hosts
        self.measures = measures
    }
}

/// The state of the queue that a runner gets when it attaches.
public struct Attachment: Sendable {
    /// The number of jobs that dead runners held and had not marked; these jobs can be claimed
    /// again. Those of batches that were cancelled are not among them.
    public let rescued: Int
    /// The number of rescued jobs that may have been sent already: an estimate from workers and
    /// rate.
    public let mayRepeat: Int
    /// The number of jobs that wait for a retry which this runner may be handed.
    public let retrying: Int
    /// The counts after the rescue.
    public let counts: QueueCounts
    /// The site that the runner writes to.
    public let site: Site
    /// The output of `site`.
    public let output: QueueOutput
    /// The hosts that pushed back of late: `HostPace.countMax` at most, the latest.
    public let hosts: [HostPace]
    /// The number of completed jobs that are in no output, of a queue that is a part of another or
    /// made of parts, or that has an output at another site; `nil` for others.
    public let unrecorded: Int?

    public init(
        rescued: Int, mayRepeat: Int, retrying: Int, counts: QueueCounts, site: Site,
        output: QueueOutput, hosts: [HostPace] = [], unrecorded: Int? = nil
    ) {
        self.hosts = hosts
        self.unrecorded = unrecorded
        self.rescued = rescued
        self.mayRepeat = mayRepeat
        self.retrying = retrying
        self.counts = counts
        self.site = site
        self.output = output
    }
}
