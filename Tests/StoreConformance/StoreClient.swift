public import JobStore

/// A user of the queue under test, as if in a process of its own, with its runner once one is
/// attached.
public final class StoreClient: @unchecked Sendable {
    // @unchecked holds because a test uses a client from one task at a time.
    public let queue: any JobQueue
    private let clock: TestClock
    private var held: (any RunnerLease)?

    public init(to queue: any JobQueue, _ clock: TestClock = TestClock()) {
        self.queue = queue
        self.clock = clock
    }

    /// The lease of the runner.
    public var lease: any RunnerLease {
        guard let held else { preconditionFailure("the case has attached a runner") }
        return held
    }

    // MARK: - Anyone

    public func enqueue(
        _ range: JobRange, request: RequestTemplate, key: String? = nil, name: String? = nil,
        priority: Int = 0
    ) async throws -> Batch {
        let label = BatchLabel(key: key, name: name, priority: priority)
        return try await queue.enqueue(.range(range, request), as: label)
    }

    public func counts() async throws -> QueueCounts { try await queue.counts() }
    public func page(from place: LedgerPlace) async throws -> LedgerPage {
        try await queue.page(from: place)
    }
    public func verify() async throws -> [String] { try await queue.verify() }

    /// Closes the queue. Whatever is attached dies without a word, as in a killed process.
    public func close() async { await queue.close() }

    /// The output of the runner's site, or of the only site.
    public func output() async throws -> QueueOutput {
        try await queue.output(of: held?.attachment.site ?? .only)
    }

    // MARK: - The runner

    @discardableResult
    public func attach(_ runner: RunnerDescription) async throws -> Attachment {
        let lease = try await queue.attach(runner)
        held = lease
        return lease.attachment
    }

    public func claim(jobs: Int, skipping skipped: Set<Batch.ID> = []) async throws -> [Segment] {
        try await claim(ClaimRequest(jobs: jobs, skippedBatches: skipped))
    }

    public func claim(_ request: ClaimRequest) async throws -> [Segment] {
        try await lease.claim(request).segments
    }

    /// The next claim that the store asks for, where this one finds nothing.
    public func nextClaim() async throws -> Claim.Next { try await lease.claim(jobs: 1).next }

    /// Claims what is due at a time in µs, to which the clock is set.
    public func claimRetries(
        dueAt micros: Int, limit: Int
    ) async throws -> (jobs: [DueRetry], nextDueMicros: Int?) {
        clock.unixMicros = micros
        let claim = try await lease.claimRetries(limit: limit)
        let nextMicros = claim.nextDue.map { micros + $0.microseconds }
        return (claim.jobs, nextMicros)
    }

    public func keepOutput(_ settings: OutputSettings, _ files: [OutputFile]) async throws {
        try await lease.keepOutput(settings, files)
    }

    public func commit(
        _ marks: [Mark], _ files: [OutputFile] = [], heartbeat: Heartbeat
    ) async throws {
        try await lease.commit(marks, files, heartbeat: heartbeat)
    }

    public func renew(_ heartbeat: Heartbeat) async throws { try await lease.renew(heartbeat) }

    public func detach() async throws { try await lease.detach() }

    public func abandon() async { await lease.abandon() }
}
