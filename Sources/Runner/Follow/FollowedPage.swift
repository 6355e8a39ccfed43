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
    /// Parts of the response that should name requests, and do not.
    let malformed: Int

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
