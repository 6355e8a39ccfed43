internal import JobStore

/// The marks and files of one commit, as a row of the table `log` keeps them.
///
/// The bytes: the version; then the batches, each with its ID and its entries, whose positions rise:
/// each is kept as the distance from the one before, times four, plus the kind of the entry; then
/// the files.
struct LogBody: Equatable {
    /// The entries by rising batch and position.
    var entries: [Entry] = []
    var files: [OutputFile] = []

    /// A change of one job.
    struct Entry: Equatable {
        let batchID: Batch.ID
        let position: Int
        let change: Change
    }

    enum Change: Equatable {
        /// The job ended, with this code.
        case ended(UInt8)
        /// The job waits for its next attempt.
        case waits(UInt8, Wait)
        /// The runner tries the job again.
        case tried
        /// Somebody has put the job back, which had failed.
        case putBack

        fileprivate var kind: Int {
            switch self {
            case .ended: 0
            case .waits: 1
            case .tried: 2
            case .putBack: 3
            }
        }
    }

    /// The facts of an attempt after which its job is tried again.
    struct Wait: Equatable {
        /// The number of the attempt.
        var attempts: Int
        /// The time in µs from the commit on for which the job waits.
        var waitMicros: Int
        var isExcused: Bool
    }

    private static let version: UInt8 = 1

    // MARK: - Writing

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.add(byte: Self.version)
        var batches: [ArraySlice<Entry>] = []
        var rest = entries[...]
        while let first = rest.first {
            let batch = rest.prefix { $0.batchID == first.batchID }
            batches.append(batch)
            rest = rest.dropFirst(batch.count)
        }
        writer.add(batches.count)
        for batch in batches {
            writer.add(batch.first?.batchID ?? 0)
            writer.add(batch.count)
            var before = 0
            for entry in batch {
                // A position may be as large as any; in two parts the product always fits.
                let gap = entry.position - before
                Self.add(gap, entry.change, to: &writer)
                before = entry.position
            }
        }
        writer.add(files.count)
        for file in files { Self.add(file, to: &writer) }
        return writer.bytes
    }

    /// The gaps below this stand with the kind in one number, the others behind it.
    private static let gapMax = 1 << 40

    private static func add(_ gap: Int, _ change: Change, to writer: inout ByteWriter) {
        writer.add(min(gap, gapMax) << 2 | change.kind)
        if gap >= gapMax { writer.add(gap - gapMax) }
        switch change {
        case .ended(let code): writer.add(byte: code)
        case .waits(let code, let wait):
            writer.add(byte: code)
            writer.add(wait.attempts << 1 | (wait.isExcused ? 1 : 0))
            writer.add(wait.waitMicros)
        case .tried, .putBack: break
        }
    }

    private static func add(_ file: OutputFile, to writer: inout ByteWriter) {
        writer.add(file.id)
        writer.add(file.name)
        writer.add(file.format)
        writer.add(file.bytes)
        writer.add(Int(file.crc32))
        writer.add(file.records)
        writer.add(byte: file.isSealed ? 1 : 0)
    }

    // MARK: - Reading

    init(entries: [Entry] = [], files: [OutputFile] = []) {
        self.entries = entries
        self.files = files
    }

    /// - Throws: `ByteReader.Malformed` when the bytes are no body.
    init(_ bytes: [UInt8]) throws(ByteReader.Malformed) {
        var reader = ByteReader(bytes)
        guard try reader.byte() == Self.version else { throw .init() }
        for _ in 0..<(try reader.number(max: bytes.count)) {
            let batch = try reader.number()
            var position = 0
            for _ in 0..<(try reader.number(max: bytes.count)) {
                let head = try reader.number()
                var gap = head >> 2
                if gap >= Self.gapMax { gap += try reader.number(max: .max - gap) }
                guard gap <= .max - position else { throw .init() }
                position += gap
                entries.append(
                    .init(
                        batchID: batch, position: position,
                        change: try Self.change(ofKind: head & 3, &reader)))
            }
        }
        for _ in 0..<(try reader.number(max: bytes.count)) {
            files.append(try Self.file(&reader))
        }
        guard reader.isAtEnd else { throw .init() }
    }

    private static func change(
        ofKind kind: Int, _ reader: inout ByteReader
    ) throws(ByteReader.Malformed) -> Change {
        switch kind {
        case 0: return .ended(try reader.byte())
        case 1:
            let code = try reader.byte()
            let attempts = try reader.number()
            return .waits(
                code,
                Wait(
                    attempts: attempts >> 1, waitMicros: try reader.number(),
                    isExcused: attempts & 1 == 1))
        case 2: return .tried
        default: return .putBack
        }
    }

    private static func file(_ reader: inout ByteReader) throws(ByteReader.Malformed) -> OutputFile
    {
        OutputFile(
            id: try reader.number(), name: try reader.text(), format: try reader.text(),
            bytes: try reader.number(), crc32: UInt32(try reader.number(max: Int(UInt32.max))),
            records: try reader.number(), isSealed: try reader.byte() == 1)
    }
}
