public import Links

/// The requests to follow of those that responses lead to.
public struct FollowOptions: Sendable {
    /// The place to stay at. It is measured from the job that led there; of a job that was enqueued,
    /// from the URL that it was redirected to.
    public var reach = Scope.Reach.host
    /// POSIX extended regular expressions, of which one must match a URL; none lets all pass.
    public var match: [String] = []
    /// Expressions of which none may match.
    public var skip: [String] = []
    /// The bounds by which sites without an end are told.
    public var guards = TrapGuards()
    /// The most responses that lead to a request, one after another.
    public var depthMax = Int.max
    /// The most jobs that are added for a batch.
    public var jobsMax = Int.max
    /// The most of them of one host (`HostKey`), 1 or more; `nil` for any number. Those that runs
    /// without this bound have added do not count.
    public var jobsOfHostMax: Int?

    public init() {}
}
