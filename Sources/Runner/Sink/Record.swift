internal import Glibc
internal import JobStore

/// What the output says of one job.
struct Record: Sendable {
    let job: Job
    let outcome: Outcome
    /// Of the last response; 0 when none came.
    let status: Int
    /// Of its body, kept or not, as far as it was read.
    let bodyBytes: Int
    /// Its owner is whoever has the record.
    let capture: Capture

    var isCompleted: Bool { outcome.state == .completed }
}

/// How a format writes records. One a thread: it keeps buffers and the state of a compressor.
protocol RecordRenderer: AnyObject {
    /// Appends a job's record to `bytes`.
    ///
    /// - Parameter makeRoom: Called when `bytes` has grown by a piece of the body; may take bytes
    ///   away from it.
    func render(
        _ record: Record, into bytes: inout [UInt8],
        makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError)
}

extension SpoolableBytes {
    /// All of them, read back where they are in the spool.
    func whole(of record: Record) throws(SinkError) -> [UInt8] {
        if let inMemory { return inMemory }
        var whole: [UInt8] = []
        whole.reserveCapacity(count)
        try forEachPiece(of: record) { whole.append(raw: $0) }
        return whole
    }

    /// The same for those who write output.
    func forEachPiece(
        of record: Record, _ use: (UnsafeRawBufferPointer) throws(SinkError) -> Void
    ) throws(SinkError) {
        try forEachPiece(use) { errno in
            SinkError(
                errno == Errno(ENOSPC) ? .full : .io,
                "the response of job \(record.job.id) cannot be read back from the output folder's temporary file: \(errno); check the disk and run again: nothing marked is lost"
            )
        }
    }
}
