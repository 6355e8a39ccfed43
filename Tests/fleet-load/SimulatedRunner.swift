import JobStore

/// A runner whose requests end at once, or at a rate.
actor SimulatedRunner {
    struct Load {
        let rate: Int
        let retryEach: Int
        let otherEach: Int
    }

    /// The numbers of what a runner has done.
    struct Figures: Sendable {
        var jobs = 0
        var retries = 0
        /// The times that commits took, and claims.
        var commits: [Duration] = []
        var claims: [Duration] = []

        mutating func add(_ other: Figures) {
            jobs += other.jobs
            retries += other.retries
            commits += other.commits
            claims += other.claims
        }

        func json(elapsed: Duration) -> String {
            """
            {"seconds":\(elapsed / .seconds(1)),"jobs":\(jobs),"retries":\(retries),\
            "commits":\(commits.count),"commit_ms_p50":\(Self.percentile(50, of: commits)),\
            "commit_ms_p99":\(Self.percentile(99, of: commits)),\
            "commit_ms_max":\(Self.percentile(100, of: commits)),\
            "claims":\(claims.count),"claim_ms_p99":\(Self.percentile(99, of: claims))}
            """
        }

        /// A percentile in ms; 0 of nothing.
        private static func percentile(_ percent: Int, of times: [Duration]) -> Double {
            let sorted = times.sorted()
            guard let last = sorted.indices.last else { return 0 }
            return sorted[last * percent / 100] / .milliseconds(1)
        }
    }

    private let queue: any JobQueue
    private let lease: any RunnerLease
    private let load: Load
    /// Jobs that were claimed and are not committed, with the attempts that were made at them.
    private var held: [(batch: Batch.ID, position: Int, attempts: Int)] = []
    private var figures = Figures()
    private var nextRetryLook = ContinuousClock.now

    init(_ queue: any JobQueue, _ load: Load) async throws {
        self.queue = queue
        self.load = load
        lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1000))
    }

    /// Claims as a run does: below 8,192 jobs, a segment's worth or more.
    func fill() async throws {
        while held.count < 8192 {
            let begin = ContinuousClock.now
            let claim = try await lease.claim(jobs: max(8192 - held.count, Segment.countMax))
            figures.claims.append(.now - begin)
            for segment in claim.segments {
                for run in segment.todo {
                    for position in run { held.append((segment.batch.id, position, 0)) }
                }
            }
            if claim.segments.isEmpty { return }
        }
    }

    /// Claims and commits until a time.
    func work(
        from begin: ContinuousClock.Instant, until end: ContinuousClock.Instant
    ) async throws -> Figures {
        var next = begin
        figures = Figures()
        while next < end {
            try await Task.sleep(until: next, clock: .continuous)
            let interval = lease.commitInterval
            try await commit(
                load.rate == 0 ? 1000 : Int(interval / .seconds(1) * Double(load.rate)))
            try await fill()
            try await takeRetries()
            // What is late is made up for, as answers come whether they are committed or not.
            next = load.rate == 0 ? .now : next + interval
        }
        return figures
    }

    private func commit(_ count: Int) async throws {
        let jobs = held.suffix(count)
        held.removeLast(jobs.count)
        let marks = jobs.map(mark)
        let begin = ContinuousClock.now
        try await lease.commit(
            marks, heartbeat: Heartbeat(requestsPerSecond: Double(load.rate)))
        figures.commits.append(.now - begin)
        figures.jobs += marks.count
    }

    private func mark(_ batch: Batch.ID, _ position: Int, _ attempts: Int) -> Mark {
        let isRetried =
            attempts == 0 && load.retryEach > 0 && position.isMultiple(of: load.retryEach)
        let isOther = load.otherEach > 0 && position.isMultiple(of: load.otherEach)
        return Mark(
            batchID: batch, position: position, attempt: attempts + 1,
            outcome: isRetried
                ? Outcome(.retrying, status: 503)
                : isOther ? Outcome(.failed, status: 404) : Outcome(.completed, status: 200),
            wait: .seconds(2))
    }

    private func takeRetries() async throws {
        guard ContinuousClock.now >= nextRetryLook else { return }
        let claim = try await lease.claimRetries(limit: 4096)
        for job in claim.jobs { held.append((job.batch.id, job.position, job.attempts)) }
        figures.retries += claim.jobs.count
        nextRetryLook = .now + max(.milliseconds(200), claim.nextDue ?? .milliseconds(500))
    }

    func end() async {
        try? await lease.detach()
        await queue.close()
    }
}
