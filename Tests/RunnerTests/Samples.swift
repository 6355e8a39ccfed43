import JobStore

@testable import Runner

extension Now {
    /// Unix time in µs at which the clocks of tests stand at 0.
    static let wallStartMicros = 1_700_000_000_000_000

    /// So long after the start, on both clocks, unless the wall clock was set by `wallSetMs`.
    static func at(ms: Int, wallSetMs: Int = 0) -> Now {
        Now(
            monotonicMicros: ms * 1000,
            wallMicros: wallStartMicros + (ms + wallSetMs) * 1000)
    }
}

extension Batch {
    static func sample(
        id: Batch.ID = 1, first: Int = 0, count: Int = 1_000_000,
        url: String = "http://127.0.0.1:8080/{id}"
    ) -> Batch {
        guard let request = try? RequestTemplate(parsing: url) else {
            preconditionFailure("\(url) is no request template")
        }
        return Batch(id: id, source: .range(JobRange(first: first, count: count), request))
    }
}

extension HostTable {
    /// The hosts of all tests.
    static let sample = HostTable()
}

extension RequestDefaults {
    // try! holds because there are no references to resolve.
    static let sample = try! RequestDefaults()
}

extension RequestChunk {
    /// The chunk of a range.
    convenience init(_ batch: Batch, _ hosts: HostTable) {
        guard case .range(let range, let template) = batch.source else {
            preconditionFailure("the sample is a range")
        }
        // try! holds because batches of samples have no headers.
        try! self.init(batch, range, template, hosts, .sample)
    }

    /// The target of a range.
    var target: RangeRequests.Target? {
        switch requests {
        case .range(let range): range.target
        case .list: nil
        }
    }

    static let sample = RequestChunk(.sample(), .sample)
}

extension JobFeed {
    /// Takes in a claim of ranges.
    mutating func add(_ claim: Claim, _ chunk: (Batch) -> RequestChunk, at now: Now) {
        let spans = claim.segments.flatMap { segment in
            segment.todo.map {
                JobSpan(
                    chunk: chunk(segment.batch), first: $0.lowerBound, count: $0.count, attempt: 1)
            }
        }
        add(claim, spans, at: now)
    }

    /// Takes in retries of ranges.
    mutating func add(_ claim: RetryClaim, _ chunk: (Batch) -> RequestChunk, at now: Now) {
        let spans = claim.jobs.map {
            JobSpan(
                chunk: chunk($0.batch), first: $0.position, count: 1, attempt: $0.attempts + 1,
                past: Job.Past(
                    excused: UInt32(clamping: $0.excused),
                    sinceMicros: now.monotonicMicros - $0.age.microseconds))
        }
        add(claim, spans, at: now)
    }
}

extension JobSpan {
    static func sample(_ positions: Range<Int>, attempt: Int = 1) -> JobSpan {
        JobSpan(
            chunk: .sample, first: positions.lowerBound, count: positions.count, attempt: attempt)
    }
}

extension Job {
    static func sample(_ position: Int, attempt: Int = 1) -> Job {
        Job(chunk: .sample, position: position, attempt: attempt)
    }

    func mark(_ outcome: Outcome, wait: Duration = .zero) -> Mark {
        Mark(
            batchID: batchID, position: position, attempt: attempt, outcome: outcome,
            wait: wait)
    }
}

extension Outcome {
    static let ok = Outcome(.completed, status: 200)
    static let unavailable = Outcome(.retrying, status: 503)
}

extension TurnReport {
    /// Attempts that were answered.
    static func answered(_ jobs: [Job]) -> TurnReport {
        ended(jobs, with: Response(status: 200))
    }

    /// Attempts with an outcome that could not reach their host.
    static func unreachable(_ jobs: [Job]) -> TurnReport {
        ended(jobs, with: Response(failure: .reason(.connect), message: "refused"))
    }

    private static func ended(_ jobs: [Job], with response: Response) -> TurnReport {
        var report = TurnReport()
        for job in jobs {
            report.add(response, of: job)
            report.finish()
        }
        return report
    }

    /// Attempts that are as if never made.
    static func givenBack(
        _ jobs: [Job], because failure: Response.Failure = .cancelled
    ) -> TurnReport {
        var report = TurnReport()
        for job in jobs {
            report.add(Response(failure: failure), of: job)
            report.giveBack(job)
        }
        return report
    }
}

/// A lease on a queue that hands out the segments it was made with and takes any mark.
actor SampleLease: RunnerLease {
    private var segments: [Segment]
    private(set) var marks: [Mark] = []
    /// The number of times that the queue is out of reach when it is asked what people want.
    private(set) var outages: Int

    nonisolated let attachment = Attachment(
        rescued: 0, mayRepeat: 0, retrying: 0,
        counts: QueueCounts(total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: []),
        site: .only, output: QueueOutput(settings: nil, files: [], completedBefore: 0))

    init(jobs: Int = 0, silence: Doorbell? = nil, outages: Int = 0) {
        self.silence = silence
        self.outages = outages
        segments = jobs == 0 ? [] : [Segment(batch: .sample(), todo: [0..<jobs])]
    }

    /// Has claims wait that find nothing, as those of a queue that does not answer; until it is rung.
    nonisolated let silence: Doorbell?

    func claim(_ request: ClaimRequest) async -> Claim {
        defer { segments = [] }
        if segments.isEmpty { await silence?.wait(untilMicros: nil) }
        return Claim(segments: segments, next: segments.isEmpty ? .finished : .now)
    }

    func claimRetries(limit: Int) -> RetryClaim { RetryClaim(jobs: [], nextDue: nil) }

    func commit(_ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat) {
        self.marks += marks
    }

    func renew(_ heartbeat: Heartbeat) {}
    func steering() throws(QueueError) -> Steering {
        guard outages == 0 else {
            outages -= 1
            throw QueueError(.unreachable, "the queue cannot be reached")
        }
        return Steering()
    }
    func took(wish number: Int) {}
    func park(_ starts: [LedgerPlace], for wait: Duration) {}
    func detach() {}
    func abandon() {}
    func keepOutput(_ settings: OutputSettings, _ files: [OutputFile]) {}
    func handedOver(_ file: Int) {}
}

extension Patience {
    /// Gives up at the first refusal.
    static let none = Patience(limit: .zero, stop: StopSwitch())
}
