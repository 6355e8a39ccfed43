/// Opens a queue to add jobs to it or to work on it. The one place that knows the stores there are.
///
/// - Parameters:
///   - location: The path of the queue's file.
///   - makesMissing: Whether a missing queue is made.
/// - Throws: `QueueError` as `SQLiteQueue.init` does; `.notAQueue` when `location` is a URL.
public func openQueue(
    at location: String, makesMissing: Bool = false
) throws(QueueError) -> any JobQueue {
    try SQLiteQueue(path: path(of: location), access: makesMissing ? .create : .write)
}

/// Opens a queue to look at it. The queue is never written to.
///
/// - Throws: As `openQueue` does.
public func openLedger(at location: String) throws(QueueError) -> any JobLedger {
    try SQLiteQueue(path: path(of: location), access: .read)
}

/// Opens a queue that is kept in a file: only such queues are split, and hold shards.
///
/// - Throws: As `openQueue` does.
public func openFileQueue(
    at location: String, makesMissing: Bool = false
) throws(QueueError) -> SQLiteQueue {
    try SQLiteQueue(path: path(of: location), access: makesMissing ? .create : .write)
}

/// - Throws: `.notAQueue` when the location is a URL, whose store is none of those there are. The
///   message names the scheme alone, since a URL may hold a password.
private func path(of location: String) throws(QueueError) -> String {
    guard let end = location.firstRange(of: "://")?.lowerBound else { return location }
    let scheme = location[..<end]
    guard !scheme.isEmpty, scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
        return location
    }
    throw QueueError(
        .notAQueue, "queues are not kept in stores of the kind '\(scheme)'; name a file")
}
