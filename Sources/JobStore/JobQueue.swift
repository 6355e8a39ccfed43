/// A queue that jobs can be added to and that a runner can work on: the interface between a run and
/// the store that keeps its jobs.
///
/// No method is called per job: claims come in segments, marks in commits. A store keeps one
/// invariant: the jobs of a batch are tiled exactly by the batch's spans and segments, and the
/// tallies are the sums over spans and segments. Every method that writes is one transaction: when
/// the process is killed at any point, the method has either happened in full or not at all.
///
/// Waits travel as durations, and the store owns the clock: the clocks of runners may differ.
///
/// - SeeAlso: `docs/STATES.md`, and `Tests/StoreConformance`, the suite that any store must pass.
public protocol JobQueue: JobLedger {
    /// Whether several runners may work on the queue at a time. Otherwise `attach` throws `.inUse`
    /// while one does.
    var allowsManyRunners: Bool { get }

    /// Adds a batch whose jobs are all available.
    ///
    /// When a batch was added with the label's key before, nothing is added: so an enqueue whose
    /// answer was lost can be repeated.
    ///
    /// - Returns: The batch, durable once this method returns, and whether it is new.
    /// - Throws: `.keyTaken` when the key belongs to a batch of other jobs, or of jobs that are asked
    ///   for by other validators; `.nameTaken` when the name belongs to another batch; `.unsupported`
    ///   when jobs are to be asked for by validators, and the queue keeps none.
    func addBatch(
        _ source: BatchSource, as label: BatchLabel
    ) async throws(QueueError) -> (batch: Batch, isNew: Bool)

    /// Returns the batch that was added with a key; `nil` when there is none.
    func batch(enqueuedAs key: String) async throws(QueueError) -> Batch?

    /// Begins to add a list, whose lines come block by block. Until it is finished, nobody sees any
    /// of it; when the process ends before, none of it remains.
    ///
    /// - Parameters:
    ///   - request: The requests, whose placeholders stand for fields.
    ///   - fields: The fields of each line.
    func addList(
        _ request: RequestTemplate, _ fields: LineFields
    ) async throws(QueueError) -> any ListImport

    /// Begins to add a list as `addList` does, of which the queue is to have no request twice.
    ///
    /// - Throws: `.busy` while another such list is being added.
    func addUniqueList(
        _ request: RequestTemplate, _ fields: LineFields
    ) async throws(QueueError) -> any UniqueListImport

    /// Begins to add a list whose jobs are available as they come (`ListStream`).
    ///
    /// - Parameters:
    ///   - request: The requests, whose placeholders stand for fields.
    ///   - fields: The fields of each line.
    ///   - origin: The file that the list comes from; `nil` for a pipe.
    ///   - mayRepeat: Whether the list may be added again while another list from the same file is
    ///     not complete.
    ///   - label: As in `addBatch`. The batch gets it with its first jobs.
    /// - Throws: `.inUse` when the list must not be added again, and is not complete.
    func streamList(
        _ request: RequestTemplate, _ fields: LineFields, from origin: ListOrigin?,
        mayRepeat: Bool, as label: BatchLabel
    ) async throws(QueueError) -> any ListStream

    /// Goes on with a list that is a batch already, and is not complete.
    ///
    /// - Throws: `.inUse` when another process adds to it, `.fenced` when it is not unfinished.
    func resumeList(_ batch: Batch.ID) async throws(QueueError) -> any ListStream

    /// Cancels a batch: takes back its jobs that no live runner holds and that have no final
    /// outcome.
    ///
    /// The first transaction says that the batch is cancelled; then some jobs after others are taken
    /// back, and work beside it goes on. Killed in between, the rest of them is taken back by the
    /// next call, or when a runner attaches.
    ///
    /// Jobs that a live runner holds end by themselves. Those that would be tried again, and those
    /// that are given back, are cancelled at that moment.
    ///
    /// - Throws: `.noBatch` when there is no such batch; `.noRoom` when the store can keep no
    ///   further kind of outcome. Nothing is cancelled then.
    func cancel(_ batch: Batch.ID) async throws(QueueError) -> Cancellation

    /// Keeps the value of a choice until it is kept anew; with `nil`, the choice is forgotten.
    func keep(_ value: String?, as name: String) async throws(QueueError)

    /// Makes failed jobs available again, as if no attempt of them had been made.
    ///
    /// The first transaction keeps the wish; then some jobs after others are put back, and work
    /// beside it goes on. Killed in between, the rest of them is put back by the next call, or when
    /// a runner attaches. A job that fails again meanwhile stays so, unless its turn is yet to come.
    ///
    /// Jobs of batches that were cancelled stay failed. A job that is put back next to jobs that a
    /// live runner holds counts as running until that runner is done with these.
    ///
    /// - Returns: The number of jobs that were put back.
    func putBack(_ jobs: FailedJobs) async throws(QueueError) -> Int

    /// Begins to forget sites whose folders are lost. A call that began before ends with that.
    ///
    /// Nothing is put back yet, and a run may still begin to write to the sites: then the next
    /// transaction of the call throws `.inUse`.
    ///
    /// - Parameter sites: One site or more. If a call was killed after it had put jobs back, its
    ///   sites must be among them.
    /// - Throws: `.forgotten` when a site is none of the queue, or when another call is to be gone on
    ///   with; `.inUse` when a live runner writes to one of the sites; `.unsupported` when the queue
    ///   is a shard.
    func beginForgetting(_ sites: [Site]) async throws(QueueError) -> SiteForgetting

    /// Makes completed jobs available again whose records are lost, as if no attempt of them had
    /// been made, some of them in each transaction. Jobs of a batch that was cancelled are cancelled
    /// instead. Jobs among them that are not completed stay as they are.
    ///
    /// A job that is put back next to jobs that a live runner holds counts as running until that
    /// runner is done with these.
    ///
    /// - Parameters:
    ///   - positions: Rising runs of jobs, one or more.
    ///   - batch: The batch of the jobs.
    /// - Throws: `.inUse` when a later call has begun, or a run has written to the sites before the
    ///   first jobs were put back.
    func putBack(
        _ positions: [Range<Int>], of batch: Batch.ID, lostWith forgetting: SiteForgetting
    ) async throws(QueueError)

    /// Forgets the sites of a call with their files, once all jobs that were lost with them are put
    /// back.
    ///
    /// - Throws: As `putBack` does.
    func endForgetting(_ forgetting: SiteForgetting) async throws(QueueError)

    /// Asks a live runner to keep to other limits from now on. They replace those of the same names
    /// that it was asked for before, and end with the runner.
    ///
    /// - Parameters:
    ///   - limits: The limits by name, which the runner understands (`Steering.limits`).
    ///   - runner: `QueueCounts.LiveRun.id`.
    /// - Returns: The number of the wish, which the runner has taken in once its
    ///   `LiveRun.wishTaken` is as high; `nil` when the runner is gone, and nothing is kept.
    func ask(_ limits: [String: String], of runner: Int) async throws(QueueError) -> Int?

    /// Whether all runners keep to one rate together (`RunnerLease.share`). Otherwise each has its own.
    var sharesRate: Bool { get }

    /// Sets the rate that all runners keep to together, in requests a second; `nil` lifts it. It holds
    /// until it is set anew, or the last runner has ended.
    func setRate(perSecond: Double?) async throws(QueueError)

    /// Returns the rate that all runners keep to together, in requests a second; `nil` when there is
    /// none.
    func ratePerSecond() async throws(QueueError) -> Double?

    /// Returns the robots.txt of an origin (`HostKey.text`) that is kept and still counts; `nil` when
    /// there is none.
    func robots(of origin: String) async throws(QueueError) -> RobotsRecord?

    /// Keeps the robots.txt of origins, in place of those kept before, while they count.
    func keep(_ robots: [RobotsRecord]) async throws(QueueError)

    /// Makes sure that the queue keeps validators that marks bring.
    ///
    /// - Throws: `.unsupported` or `.unfit` when it does not.
    func checkKeepsValidators() async throws(QueueError)

    /// Returns the number of a batch's jobs whose validators are kept.
    func validatorCount(of batch: Batch.ID) async throws(QueueError) -> Int

    /// Registers a runner and takes back all jobs that dead runners held (`rescue`).
    ///
    /// - Throws: `.inUse` when the store lets only one runner work at a time and another one is
    ///   alive; `.forgotten` when the site that the runner would write to is being forgotten, and
    ///   jobs were put back.
    func attach(_ runner: RunnerDescription) async throws(QueueError) -> any RunnerLease
}

extension JobQueue {
    public func checkKeepsValidators() async throws(QueueError) {
        throw QueueError(.unsupported, "the store of this queue keeps no validators")
    }

    public func validatorCount(of batch: Batch.ID) async throws(QueueError) -> Int { 0 }

    public var sharesRate: Bool { false }
    public func setRate(perSecond: Double?) async throws(QueueError) {}
    public func ratePerSecond() async throws(QueueError) -> Double? { nil }

    /// Adds a batch as `addBatch` does.
    ///
    /// - Returns: The batch, durable once this method returns.
    public func enqueue(
        _ source: BatchSource, as label: BatchLabel
    ) async throws(QueueError) -> Batch {
        try await addBatch(source, as: label).batch
    }

    /// Adds a batch of a range's IDs. A repeated call adds another batch.
    public func enqueue(
        _ range: JobRange, request: RequestTemplate
    ) async throws(QueueError) -> Batch {
        try await enqueue(.range(range, request), as: BatchLabel())
    }
}

/// Bounds on retries that all stores share.
public enum Retry {
    /// The longest wait that a job is ever given: an hour.
    public static let waitMax = Duration.seconds(3600)
    /// The time after which a job is not tried again, unless another is asked for: a day.
    public static let timeMax = Duration.seconds(24 * 3600)
    /// The farthest that a retry may lie ahead on the store's clock. A retry further ahead was
    /// written before the clock was set back, and counts as due. The bound is a minute more than
    /// the longest wait, so that a small correction of the clock does not cut such a wait short.
    public static let aheadMax = waitMax + .seconds(60)
}
