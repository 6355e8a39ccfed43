internal import Glibc
internal import JobStore

/// The facts that the output tells about one job.
struct Record: Sendable {
    let job: Job
    let outcome: Outcome
    /// The status of the last response; 0 when none came.
    let status: Int
    /// The number of bytes of the body that were read, kept or not.
    let bodyBytes: Int
    /// The captured response, which belongs to whoever has the record.
    let capture: Capture

    var isCompleted: Bool { outcome.state == .completed }
}

/// Writes records in one format. Each thread has its own, since a renderer keeps buffers and the
/// state of a compressor.
protocol RecordRenderer: AnyObject {
    /// Appends a job's record to `bytes`.
    ///
    /// - Parameter makeRoom: Called when `bytes` has grown by a piece of the body; may take bytes
    ///   away from `bytes`.
    func render(
        _ record: Record, into bytes: inout [UInt8],
        makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError)
}

extension SpoolableBytes {
    /// All the bytes, read back if they are in the spool.
    func whole(of record: Record) throws(SinkError) -> [UInt8] {
        if let inMemory { return inMemory }
        var whole: [UInt8] = []
        whole.reserveCapacity(count)
        try forEachPiece(of: record) { whole.append(raw: $0) }
        return whole
    }

    /// Gives the bytes in pieces; an error of the spool becomes a `SinkError`.
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
