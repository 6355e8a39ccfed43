import JobStore

/// Writes jobs to stdout as rows, many of them at a time.
struct RowWriter {
    /// The number of bytes that are gathered before they are written: two pipes full.
    private static let pieceBytes = 128 << 10

    private struct Kind: Hashable {
        let state: JobState
        let outcome: Outcome?
    }

    private let format: RowFormat
    private var buffer: [UInt8]
    private var batchID: Batch.ID?
    /// The rows of the batch's jobs, by state and outcome; a few for each of 255 outcomes at most.
    private var rows: [Kind: JobRow] = [:]

    init(_ format: RowFormat) {
        self.format = format
        buffer = Array(format.header.utf8)
    }

    /// Writes the rows of some jobs of a range, at the latest when `flush` is called.
    mutating func write(_ positions: Range<Int>, of span: LedgerPage.Span) throws(OutputError) {
        if span.batch.id != batchID {
            batchID = span.batch.id
            rows = [:]
        }
        let kind = Kind(state: span.state, outcome: span.outcome)
        var positions = positions
        while !positions.isEmpty {
            positions = rows[kind, default: JobRow(of: span, format)]
                .append(positions, to: &buffer, limit: Self.pieceBytes)
            if buffer.count >= Self.pieceBytes { try flush() }
        }
    }

    /// Writes the row of a list's job.
    mutating func write(
        _ id: Int, _ url: [UInt8], _ key: ArraySlice<UInt8>?, of span: LedgerPage.Span
    ) throws(OutputError) {
        format.append(id, url, key, of: span, to: &buffer)
        if buffer.count >= Self.pieceBytes { try flush() }
    }

    /// Writes what is gathered. Batches that come next are of another queue.
    mutating func endQueue() throws(OutputError) {
        batchID = nil
        try flush()
    }

    private mutating func flush() throws(OutputError) {
        try Terminal.output(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
