internal import JobStore

/// Reads records that are JSON lines: those of `jsonl`, and the index of `files`.
///
/// The beginning of a line, which says which job it is about, is read strictly:
/// `{"id":17,"batch":1,"state":"completed",`. So is the line's end, which must be that of a record.
/// The file's checksum vouches for the rest.
final class JSONLinesReader: RecordReader {
    private var lines: LineReader
    private let before: Int
    private let check: LineCheck?
    private let complaints: Complaints

    /// Checks the line of a job further.
    typealias LineCheck = (UnsafeRawBufferPointer, JobRecord) throws(Damage) -> Void

    /// - Parameters:
    ///   - source: The lines; `nil` for the bytes of `file` as they are.
    ///   - check: Called with each line of a job; `nil` when nothing is left to check.
    init(_ file: FileToRead, lines source: (any ByteSource)? = nil, check: LineCheck? = nil) {
        lines = LineReader(source ?? file.bytes)
        before = file.recordsBefore
        self.check = check
        complaints = file.complaints
    }

    func next() throws(Damage) -> JobRecord? {
        while let line = try lines.next() {
            guard let record = Self.record(in: line) else {
                complaints.add("line \(before + lines.count): is no record of a job")
                continue
            }
            if let check {
                do throws(Damage) {
                    try check(line, record)
                } catch {
                    complaints.add(
                        "line \(before + lines.count), job \(record.id) of batch \(record.batchID): \(error.description)"
                    )
                }
            }
            return record
        }
        return nil
    }

    /// - Returns: `nil` when the line is no record.
    static func record(in line: UnsafeRawBufferPointer) -> JobRecord? {
        guard line.suffix(2).elementsEqual("}\n".utf8), !hasControls(line.dropLast()) else {
            return nil
        }
        var scanner = ByteScanner(line)
        guard scanner.take(#"{"id":"#), let id = scanner.takeNumber(), scanner.take(#","batch":"#),
            let batchID = scanner.takeNumber(), scanner.take(#","state":""#)
        else { return nil }
        let isCompleted = scanner.take(#"completed","#)
        guard isCompleted || scanner.take(#"failed","#) else { return nil }
        return JobRecord(batchID: batchID, id: id, isCompleted: isCompleted)
    }

    /// Whether a line holds control characters, which a JSON string never does.
    ///
    /// > All Unicode characters may be placed within the quotation marks, except for […] the
    /// > control characters (U+0000 through U+001F).
    /// <https://www.rfc-editor.org/rfc/rfc8259#section-7>
    private static func hasControls(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        // The least of all, not the first that is too little: this way it is done 16 at a time.
        var least = UInt8.max
        for byte in UnsafeRawBufferPointer(rebasing: bytes) { least = min(least, byte) }
        return least < 0x20
    }
}
