internal import Glibc
public import JobStore

/// The facts about one job that has ended, and its response.
public struct Record: Sendable {
    let job: Job
    /// The outcome of the job, completed or failed for good.
    public let outcome: Outcome
    /// The HTTP status of the last response; 0 when none came.
    public let status: Int
    /// The number of bytes of the body that were read, kept or not.
    public let bodyBytes: Int
    /// The captured response, which belongs to whoever has the record.
    public let capture: Capture
    /// The words of libcurl or of the name servers on why the job failed, without credentials;
    /// empty when there are none.
    public let message: String
    /// Whether the answer is that of the host's robots.txt, and the job was not asked for.
    private let isOfRobots: Bool
    /// The records that the job's handler made of the response (`Handled.records`); `nil` when no
    /// handler has seen it.
    let made: [UInt8]?

    init(
        job: Job, outcome: Outcome, status: Int, bodyBytes: Int, capture: Capture,
        message: String = "", isOfRobots: Bool = false, made: [UInt8]? = nil
    ) {
        self.made = made
        self.job = job
        self.outcome = outcome
        self.status = status
        self.bodyBytes = bodyBytes
        self.capture = capture
        self.message = message.isEmpty ? "" : message.withoutCredentials
        self.isOfRobots = isOfRobots
    }

    /// The job's ID; with `batchID` it is unique in a queue.
    public var id: Int { job.id }
    /// The `enqueue` that the job came from, counted from 1.
    public var batchID: Batch.ID { job.batchID }
    /// The number of attempts that the job took, from 1.
    public var attempt: Int { job.attempt }
    /// Whether the job is completed; otherwise it has failed for good.
    public var isCompleted: Bool { outcome.state == .completed }
    /// Whether there is an answer whose body can be kept: that of a completed job, or of one that
    /// failed by its answer. A part of a body that came before the connection broke is none.
    /// Nor is that of the host's robots.txt, which stands for the job's own, or one that says that
    /// nothing has changed.
    public var isAnswered: Bool {
        if isUnchanged { return false }
        return isCompleted || outcome.reason == nil && status > 0 && !isOfRobots
    }
    /// Whether the answer says that nothing has changed since the job's validators were told; it has
    /// no body.
    public var isUnchanged: Bool { outcome == .unchanged }
    /// The number of responses that led to the job, one after another; 0 when it was enqueued.
    public var depth: Int { job.request.trail?.depth ?? 0 }
    /// The key that the job has of its user's; `nil` when it has none.
    public var key: String? { job.request.key.map { String(decoding: $0, as: UTF8.self) } }
    /// Appends the JSON value that the job carries along; nothing when it has none.
    public func appendMeta(to bytes: inout [UInt8]) {
        job.request.appendMeta(after: "", to: &bytes)
    }
    /// The method of the request.
    public var method: String { job.request.method.rawValue }

    /// Appends the URL that was asked for, in UTF-8, as it was queued, but without user name and
    /// password.
    public func appendURL(to bytes: inout [UInt8]) { job.request.appendURL(to: &bytes) }

    /// Appends the same URL as the characters of a JSON string, without the quotes.
    public func appendJSONURL(to bytes: inout [UInt8]) {
        job.request.appendJSONURL(to: &bytes)
    }
}

extension SpoolableBytes {
    /// Returns all the bytes, read back if they are in the temporary file.
    ///
    /// - Parameter record: The record that the bytes belong to, for the error.
    /// - Throws: `SinkError` when the temporary file cannot be read.
    public func whole(of record: Record) throws(SinkError) -> [UInt8] {
        if let inMemory { return inMemory }
        var whole: [UInt8] = []
        whole.reserveCapacity(count)
        try forEachPiece(of: record) { whole.append(raw: $0) }
        return whole
    }

    /// Gives the bytes in pieces. The length of each piece but the last is a multiple of three; no
    /// piece is given when there are no bytes.
    ///
    /// - Parameters:
    ///   - record: The record that the bytes belong to, for the error.
    ///   - use: Called with each piece, which is valid during the call only.
    /// - Throws: `SinkError` when the temporary file cannot be read, or what `use` throws.
    public func forEachPiece(
        of record: Record, _ use: (UnsafeRawBufferPointer) throws(SinkError) -> Void
    ) throws(SinkError) {
        try forEachPiece(use) { errno in
            SinkError(
                errno == Errno(ENOSPC) ? .full : .io,
                "the response of job \(record.id) cannot be read back from the output folder's temporary file: \(errno); check the disk and run again: nothing marked is lost"
            )
        }
    }
}
