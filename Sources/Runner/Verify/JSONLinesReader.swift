internal import JobStore

/// Reads records of the format `jsonl`, and the index of the format `files`.
///
/// The beginning of a line, which says which job it is about, is read strictly:
/// `{"id":17,"batch":1,"state":"completed",`. So is the line's end, which must be that of a record.
/// The file's checksum vouches for the rest.
final class JSONLinesReader: RecordReader {
    private var lines: LineReader
    private let before: Int
    private let bodies: BodyFiles?
    private let complaints: Complaints

    /// - Parameters:
    ///   - before: The number of lines that stand before these, for messages.
    ///   - bodies: The bodies that the lines tell of; `nil` when bodies are in the lines.
    init(_ source: any ByteSource, before: Int, bodies: BodyFiles?, complaints: Complaints) {
        lines = LineReader(source)
        self.before = before
        self.bodies = bodies
        self.complaints = complaints
    }

    func next() throws(Damage) -> JobRecord? {
        while let line = try lines.next() {
            guard let record = Self.record(in: line) else {
                complaints.add("line \(before + lines.count): is no record of a job")
                continue
            }
            if let bodies, record.isCompleted {
                do throws(Damage) {
                    try bodies.check(line, record)
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

/// Takes texts and numbers off the front of bytes.
struct ByteScanner {
    private(set) var rest: Slice<UnsafeRawBufferPointer>

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

    /// Takes `text` if it comes next.
    mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard rest.count >= count else { return false }
        for offset in 0..<count
        where rest[rest.startIndex + offset] != text.utf8Start[offset] { return false }
        rest = rest.dropFirst(count)
        return true
    }

    /// Takes a number of decimal digits without sign and leading zeros.
    mutating func takeNumber() -> Int? {
        var number = 0
        var count = 0
        for byte in rest {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            let (tens, isTooMuch) = number.multipliedReportingOverflow(by: 10)
            let (sum, isOver) = tens.addingReportingOverflow(Int(byte & 0xF))
            guard !isTooMuch, !isOver, count == 0 || number > 0 else { return nil }
            number = sum
            count += 1
        }
        guard count > 0 else { return nil }
        rest = rest.dropFirst(count)
        return number
    }

    /// Takes the bytes before the first `byte`, and that byte.
    ///
    /// - Returns: The bytes before `byte`; `nil` when it does not come.
    mutating func take(before byte: UInt8) -> Slice<UnsafeRawBufferPointer>? {
        guard let end = rest.firstIndex(of: byte) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return rest[..<end]
    }
}
