/// Read access to a queue, also while runs work on it.
public protocol JobLedger: Sendable {
    /// Returns the number of jobs by state and outcome. These totals are stored, never counted over
    /// jobs or batches.
    ///
    /// - Parameter batch: The batch whose jobs are counted, which counts none if it is missing;
    ///   `nil` for all batches.
    /// - Complexity: O(outcomes + segments leased).
    func counts(of batch: Batch.ID?) async throws(QueueError) -> QueueCounts

    /// The least time between two calls of `counts` that the store wants from each runner that
    /// shows them all the time; zero where they cost next to nothing.
    var countsInterval: Duration { get }

    /// Returns the sites of the queue by rising ID: one for each output folder that runs of the
    /// queue write to. A queue that lets one runner work at a time has one site.
    func sites() async throws(QueueError) -> [Site]

    /// Returns where a site keeps responses, and how much of each file counts.
    func output(of site: Site) async throws(QueueError) -> QueueOutput

    /// Checks whether sites can be forgotten now (`JobQueue.beginForgetting`).
    ///
    /// - Throws: As `JobQueue.beginForgetting` does.
    func checkForgettable(_ sites: [Site]) async throws(QueueError)

    /// Returns the value of a choice that the queue keeps; `nil` when there is none.
    func setting(_ name: String) async throws(QueueError) -> String?

    /// Returns hosts that push back at present: those that are left alone for the longest time
    /// first, then those that take the lowest rate.
    ///
    /// - Parameter limit: The most hosts, 1 or more.
    /// - Complexity: O(hosts that pushed back within `HostPace.ageMax`).
    func hostsHeldBack(limit: Int) async throws(QueueError) -> [HostPace]

    /// Returns the number of retries that are due in each of some periods from now on: those that
    /// are due already in the first. Retries that a runner is trying are left out.
    ///
    /// - Parameters:
    ///   - periods: The number of periods, 1 or more.
    ///   - length: The length of each, more than 0.
    /// - Returns: The numbers, one a period; empty where a store does not tell.
    /// - Complexity: O(retries due within the periods).
    func retriesDue(in periods: Int, of length: Duration) async throws(QueueError) -> [Int]

    /// Returns the header fields outside the queue that requests of unfinished batches refer to
    /// (variables and files), so that a run can see at its start whether they are there.
    ///
    /// - Parameter batch: The only batch that is asked for; `nil` for all.
    func references(of batch: Batch.ID?) async throws(QueueError) -> [HeaderSource]

    /// Returns the batch with a name; `nil` when there is none.
    func batch(named name: String) async throws(QueueError) -> Batch?

    /// Returns batches by rising ID, with the states of their jobs, a page at a time. Each page is
    /// one snapshot; the pages together are not.
    ///
    /// - Parameters:
    ///   - id: The ID to begin at, or after.
    ///   - limit: The most batches in the page, 1 to `BatchPage.countMax`. A page may hold fewer,
    ///     but not none while there are any.
    /// - Complexity: O(batches in the page · outcomes + segments leased); no job is looked at.
    func batches(from id: Batch.ID, limit: Int) async throws(QueueError) -> BatchPage

    /// Returns the lists that are batches already and not complete, by rising batch;
    /// `UnfinishedList.countMax` of them at most.
    func unfinishedLists() async throws(QueueError) -> [UnfinishedList]

    /// Returns the states of jobs in the order the jobs were enqueued, a page at a time.
    ///
    /// - Parameter place: The place to begin at. A place in a missing batch, or past the end of a
    ///   batch, means the start of the next batch.
    /// - Returns: Spans of jobs with the same state and outcome, with nothing left out between the
    ///   spans; the last page has no `next`. Each page is one snapshot; the pages together are not.
    /// - Throws: `.damaged` when a job has no place in the store or an outcome that nothing
    ///   explains.
    /// - Complexity: O(spans in the page); memory does not depend on the number of jobs.
    func page(from place: LedgerPlace) async throws(QueueError) -> LedgerPage

    /// Returns the number of jobs of a batch that were put back (`JobQueue.putBack`) since the queue
    /// has an output; 0 for a batch that is missing. So many records of failures, at most, may be
    /// superseded by later ones of their jobs.
    func recordsSupersededMax(of batch: Batch.ID) async throws(QueueError) -> Int

    /// Returns the block that holds the line of a job of a list.
    ///
    /// - Throws: `.damaged` when there is none.
    func block(holding position: Int, of batch: Batch) async throws(QueueError) -> ListBlock

    /// Checks the invariant over a window of the queue.
    ///
    /// A store chooses its windows: one for the whole queue where a long look disturbs nobody, or
    /// many short ones. Each window is one snapshot. The store's data may be anything: an
    /// impossible value is reported as a fault, too.
    ///
    /// - Parameter place: `.start`, or the `next` of the window before.
    /// - Returns: A sentence for each of the first thousand violations in the window.
    /// - Complexity: O(batches + spans + segments in the window); memory does not grow with them.
    func verify(from place: LedgerPlace) async throws(QueueError) -> VerifiedWindow

    /// Closes the store; no method may be called afterwards.
    func close() async
}

extension JobLedger {
    /// Returns the number of all jobs by state and outcome.
    public func counts() async throws(QueueError) -> QueueCounts { try await counts(of: nil) }

    public func retriesDue(in periods: Int, of length: Duration) async throws(QueueError) -> [Int] {
        []
    }

    /// Returns a page of batches.
    public func batches(from id: Batch.ID) async throws(QueueError) -> BatchPage {
        try await batches(from: id, limit: BatchPage.countMax)
    }

    /// Checks the invariant over the whole queue, window by window.
    ///
    /// - Returns: A sentence for each violation, those past the thousandth of a window left out;
    ///   empty when the queue is sound.
    public func verify() async throws(QueueError) -> [String] {
        var faults: [String] = []
        var place: LedgerPlace? = .start
        while let from = place {
            let window = try await verify(from: from)
            faults += window.faults
            place = window.next
        }
        return faults
    }
}

/// The violations found in one window of a queue.
public struct VerifiedWindow: Sendable {
    /// A sentence for each violation.
    public let faults: [String]
    /// The place where the next window begins; `nil` after the last.
    public let next: LedgerPlace?

    public init(faults: [String], next: LedgerPlace? = nil) {
        self.faults = faults
        self.next = next
    }
}
