public import JobStore

/// The options of a run.
public struct CrawlOptions: Sendable {
    /// Requests in flight at once, 1 or more.
    public var workers = 100
    public var perHost = PerHost.lists
    public var politeness = PolitenessOptions()
    /// The choice of which answers complete a job, are tried again, or fail it.
    public var rules = JudgingRules()
    /// Attempts after a job's first, made where the next one may end better.
    public var retries = 3
    /// The bound on the wait after a job's first attempt, doubled with each further one; a wait is
    /// a random part of its bound. `Retry.waitMax` at most.
    public var retryDelay: Duration {
        get { .microseconds(backoff.baseMicros) }
        set {
            backoff.baseMicros = min(newValue, Retry.waitMax).microseconds
            backoff.waitMicrosMax = max(Backoff().waitMicrosMax, backoff.baseMicros)
        }
    }
    /// The time from the end of a job's first attempt after which the job is not tried again.
    public var retryTimeMax: Duration = Retry.timeMax
    /// The time that requests in flight may take to end once a drain was asked for.
    public var grace: Duration = .seconds(30)
    /// The time for which nothing may get through before the run stops.
    public var stallMax: Duration = .seconds(900)
    /// The time for which the queue may be empty before the run ends; zero to end at once.
    public var idleMax: Duration = .zero
    public var fetch = FetchOptions()
    public var robots = RobotsOptions()
    /// The only batch to work on, whose end is that of the run; `nil` for all.
    public var batch: Batch.ID?
    /// The longest `Retry-After` that is honoured. The default is also the longest wait that the
    /// queue allows.
    public var retryAfterMax: Duration = Retry.waitMax
    /// The requests to follow of those that the handler names; `nil` to follow none. Then a handler
    /// that names any ends the run.
    public var follow: FollowOptions?
    /// The waits between attempts.
    var backoff = Backoff()
    /// The limits at which the run stops.
    public var limits = StopLimits()
    /// The room to leave free on disks; the run stops before it takes that room.
    public var diskReserve: DiskReserve?
    /// Choices that the queue keeps from the begin of this run on, by name; `nil` forgets one.
    public var choices: [String: String?] = [:]
    /// The number of threads that poll sockets; `nil` means one a core.
    public var loops: Int?

    public init() {}
}
