internal import JobStore

/// How a run works.
public struct CrawlOptions: Sendable {
    /// Requests in flight at once, 1 or more.
    public var workers = 100
    /// Attempts after a job's first, for what may be better next time.
    public var retries = 3
    /// How long requests in flight may take to end once a drain was asked for.
    public var grace: Duration = .seconds(30)
    /// How long nothing may get through before the run stops.
    public var maxStall: Duration = .seconds(900)
    public var fetch = FetchOptions()
    /// The longest `Retry-After` that is honoured; the queue lets no job wait longer than by default.
    public var longestRetryAfter: Duration = .microseconds(Retry.longestWaitMicros)
    /// Waits between attempts.
    var backoff = Backoff()
    /// Room that is to be left on disks; the run stops before it is taken.
    public var diskReserve: DiskReserve?
    /// Threads that poll sockets; `nil`: one a core.
    public var loops: Int?

    public init() {}
}
