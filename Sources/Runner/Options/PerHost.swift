/// The bound on requests in flight to one host.
public enum PerHost: Equatable, Sendable {
    /// A bound for lists of several hosts (`listsMax`), none where all jobs of a batch have one.
    case lists
    /// A bound for each host, 1 or more. It cannot hold for a range with the ID in its host.
    case jobs(Int)
    case unbounded

    /// The bound of `lists`.
    public static let listsMax = 8

    /// Returns the bound for the hosts of a batch; `.max` when there is none.
    func bound(hasOneHost: Bool) -> Int {
        switch self {
        case .lists: hasOneHost ? .max : Self.listsMax
        case .jobs(let count): count
        case .unbounded: .max
        }
    }
}
