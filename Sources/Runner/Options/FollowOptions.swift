/// The requests to follow of those that responses lead to.
public struct FollowOptions: Sendable {
    /// The place to stay at.
    public enum Scope: String, Sendable, CaseIterable {
        /// The host of the job that led there, with its port; of a job that was enqueued, also the host
        /// that it was redirected to.
        case host
        /// Anywhere.
        case any
    }

    public var scope = Scope.host
    /// The most responses that lead to a request, one after another.
    public var depthMax = Int.max
    /// The most jobs that are added for a batch.
    public var jobsMax = Int.max

    public init() {}
}
