public import JobStore

/// All that a handler made of one response.
public struct Handled: Sendable {
    public var verdict: HandlerVerdict
    /// The name that the reason of a failure has, where it counts by that.
    var reason: HandlerReason?
    /// The requests to follow. Those of the queue, or that another response named before, are left
    /// out.
    public var follow: [FollowRequest]
    /// Requests of the response's that were not read, as it has so many.
    var unread = 0
    /// Whether records are made of responses at all, or requests found in them alone.
    var makesRecords = true
    /// Requests of the response's that it says itself not to follow.
    var nofollow = 0
    /// Parts of the response that should name requests, and do not.
    var malformed = 0
    /// The records: JSON values on one line, with a comma between each two.
    public private(set) var records: [UInt8] = []
    /// The number of `records`.
    public private(set) var recordCount = 0

    /// The most requests that are followed of one response; others are counted.
    public static let followMax = 100_000

    public init(_ verdict: HandlerVerdict = .done, follow: [FollowRequest] = []) {
        self.verdict = verdict
        self.follow = follow
    }

    /// Adds a record.
    ///
    /// - Parameter json: A JSON value in UTF-8, without line breaks between its parts.
    public mutating func add(json: some Sequence<UInt8>) {
        if recordCount > 0 { records.append(UInt8(ascii: ",")) }
        records += json
        recordCount += 1
    }
}

/// A request that a response led to.
public struct FollowRequest: Sendable, Equatable {
    /// The URL, as it stands in the response: one that is relative is resolved against the URL that
    /// the response came from.
    public var url: String
    public var method: HTTPMethod
    /// Header fields, in place of those of the same name that the job's batch has.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]?
    /// A key of the user's, which records carry along.
    public var key: String?
    /// A JSON value in UTF-8 on one line, which records carry along.
    public var meta: [UInt8]?

    public init(
        _ url: String, method: HTTPMethod = .get, headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil, key: String? = nil, meta: [UInt8]? = nil
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.key = key
        self.meta = meta
    }

    public static func == (one: FollowRequest, other: FollowRequest) -> Bool {
        one.url == other.url && one.method == other.method && one.body == other.body
            && one.key == other.key && one.meta == other.meta
            && one.headers.elementsEqual(other.headers, by: ==)
    }
}
