internal import JobStore

/// A response whose handler named further requests.
struct FollowedPage: Sendable {
    let job: Job
    /// The URL that the response came from, if not the job's own; empty otherwise.
    let finalURL: [UInt8]
    let requests: [FollowRequest]
    /// Requests that the page itself takes back.
    let nofollow: Int
    /// Requests that were not read from the response, as it has so many.
    let unread: Int

    /// The bytes of a request beside its texts, with the memory that these are in.
    private static let requestBytes = 192

    /// About how many bytes the requests take.
    var size: Int {
        requests.reduce(0) { size, request in
            size + Self.requestBytes + request.url.utf8.count + (request.body?.count ?? 0)
                + (request.meta?.count ?? 0)
                + request.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        }
    }
}

/// The reason that a request is not followed, though the queue may not have it.
public enum FollowCut: String, Sendable, CaseIterable {
    /// It is no URL of HTTP, or no request can be made of it.
    case malformed
    /// It leads out of `FollowOptions.reach`.
    case scope
    /// It does not match `FollowOptions.match`, or it matches `FollowOptions.skip`.
    case skipped
    /// Its page says not to follow it.
    case nofollow
    /// Its response leads to more requests than one may (`Handled.followMax`).
    case many
    /// `FollowOptions.guards` take it for a part of a site without an end.
    case trap
    /// More responses than `FollowOptions.depthMax` lead to it.
    case depth
    /// The batch has header fields that are for its own host alone.
    case credentials
    /// The batch for it has `FollowOptions.jobsMax` jobs, or was cancelled.
    case full
}

/// The numbers of requests that responses led to.
public struct FollowFigures: Sendable, Equatable {
    /// Those that became jobs.
    public internal(set) var added = 0
    /// Those that the queue has had.
    public internal(set) var known = 0
    /// Those that were not followed.
    public internal(set) var cut: [FollowCut: Int] = [:]

    public init() {}
}
