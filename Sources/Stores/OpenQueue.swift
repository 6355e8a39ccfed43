public import JobStore

#if Postgres
    internal import PostgresStore
#endif

/// Opens a queue to add jobs to it or to work on it. The one place that knows the stores there are.
///
/// - Parameters:
///   - location: The path of the queue's file, or the URL of a PostgreSQL database.
///   - makesMissing: Whether a missing queue is made.
/// - Throws: `QueueError` as `SQLiteQueue.init` and `PostgresQueue.init` do; `.notAQueue` when
///   `location` is another URL.
public func openQueue(
    at location: String, makesMissing: Bool = false
) throws(QueueError) -> any JobQueue {
    switch try QueueLocation(location) {
    case .file(let path): try SQLiteQueue(path: path, access: makesMissing ? .create : .write)
    #if Postgres
        case .postgres(let url, _):
            try PostgresQueue(url: url, access: makesMissing ? .create : .write)
    #endif
    }
}

/// Opens a queue to look at it. The queue is never written to.
///
/// - Throws: As `openQueue` does.
public func openLedger(at location: String) throws(QueueError) -> any JobLedger {
    switch try QueueLocation(location) {
    case .file(let path): try SQLiteQueue(path: path, access: .read)
    #if Postgres
        case .postgres(let url, _): try PostgresQueue(url: url, access: .read)
    #endif
    }
}

/// Opens a queue that is kept in a file: only such queues are split, and hold shards.
///
/// - Throws: As `openQueue` does; `.unsupported` when the queue is not kept in a file.
public func openFileQueue(
    at location: String, makesMissing: Bool = false
) throws(QueueError) -> SQLiteQueue {
    switch try QueueLocation(location) {
    case .file(let path):
        return try SQLiteQueue(path: path, access: makesMissing ? .create : .write)
    #if Postgres
        case .postgres:
            throw QueueError(
                .unsupported,
                "a queue in PostgreSQL has no shards: any number of runs work on it as it is")
    #endif
    }
}

/// The place of a queue, as a user names it.
public enum QueueLocation: Sendable {
    case file(path: String)
    #if Postgres
        /// A database: its URL, which may hold a password, and the URL as people may see it.
        case postgres(url: String, shown: String)
    #endif

    /// - Throws: `.notAQueue` when the location is a URL that no store takes. The message names the
    ///   scheme alone, since a URL may hold a password.
    public init(_ location: String) throws(QueueError) {
        guard let end = location.firstRange(of: "://")?.lowerBound else {
            self = .file(path: location)
            return
        }
        let scheme = location[..<end]
        guard !scheme.isEmpty, scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else {
            self = .file(path: location)
            return
        }
        guard ["postgres", "postgresql"].contains(scheme.lowercased()) else {
            throw QueueError(
                .notAQueue,
                "queues are not kept in stores of the kind '\(scheme)'; name a file")
        }
        #if Postgres
            self = .postgres(url: location, shown: try PostgresQueue.shown(location))
        #else
            throw QueueError(
                .notAQueue,
                "this program was built without PostgreSQL (the package trait Postgres); name a file, or take a build that has it"
            )
        #endif
    }

    /// The location as people may see it: without a password.
    public var shown: String {
        switch self {
        case .file(let path): path
        #if Postgres
            case .postgres(_, let shown): shown
        #endif
        }
    }

    /// Whether the location itself holds a password.
    public var hasPassword: Bool {
        switch self {
        case .file: false
        #if Postgres
            case .postgres(let url, _): (try? PostgresQueue.hasPassword(url)) ?? true
        #endif
        }
    }

    /// Whether several runners may work on the queue at a time.
    public var isShared: Bool {
        switch self {
        case .file: false
        #if Postgres
            case .postgres: true
        #endif
        }
    }
}
