internal import JobStore

/// The output of the jobs that ended on a loop in one turn.
struct Deposit: Sendable {
    /// Records, ready to be appended to a file.
    var bytes: [UInt8] = []
    /// The number of records in `bytes`.
    var records = 0
    /// Records that are too large to be rendered on a loop.
    var large: [Record] = []
    /// The names and lengths of bodies that get a file each; their bytes are in `bodyBytes`, one
    /// after another.
    var bodies: [(name: BodyName, count: Int)] = []
    var bodyBytes: [UInt8] = []
    /// The names of the bodies of jobs that failed. An earlier attempt that nobody marked may have
    /// left such a body.
    var withoutBody: [BodyName] = []
    /// The bytes of the run's budget that the deposit takes.
    var memory = 0

    /// About how many bytes the deposit takes on disk.
    var size: Int {
        bytes.count + bodyBytes.count + large.reduce(0) { $0 + $1.capture.count }
    }
}

/// A loop's side of the sink: renders the records of jobs that end on the loop.
final class Recorder {
    private let renderer: any RecordRenderer
    private let format: OutputFormat
    private let keepsFailures: Bool
    private let budget: MemoryBudget
    private var deposit = Deposit()
    /// About how many bytes the deposit takes on disk.
    private(set) var size = 0
    /// The bytes that were rendered in this turn.
    private var rendered = 0

    /// The most bytes of a response that is rendered on its loop. The writer renders larger ones,
    /// which would hold up the loop.
    private static let responseBytesMax = 64 << 10
    /// The bytes rendered in one turn after which further records are left to the writer.
    private static let renderedMax = 4 << 20

    init(
        _ renderer: any RecordRenderer, format: OutputFormat, keepsFailures: Bool,
        budget: MemoryBudget
    ) {
        self.renderer = renderer
        self.format = format
        self.keepsFailures = keepsFailures
        self.budget = budget
    }

    /// Takes the record of a job that has ended.
    ///
    /// - Returns: Whether the recorder keeps the capture, so that the transfer needs another.
    func keep(_ record: Record) -> Bool {
        if format == .files && !record.isCompleted {
            deposit.withoutBody.append(BodyName(record.job))
        }
        guard record.isCompleted || keepsFailures else { return false }
        let capture = record.capture
        let body = capture.body
        // Escaped as JSON, a byte can become six.
        let most = 6 * capture.count
        guard capture.isInMemory, capture.count <= Self.responseBytesMax,
            rendered < Self.renderedMax, budget.take(most)
        else {
            deposit.large.append(record)
            size += capture.count
            return true
        }
        defer { budget.giveBack(most) }
        let before = deposit.bytes.count
        // Nothing can fail: all of it is in memory.
        try? renderer.render(record, into: &deposit.bytes) { _ in }
        var added = deposit.bytes.count - before
        if format == .files && record.isCompleted {
            deposit.bodies.append((BodyName(record.job), body.count))
            try? body.forEachPiece(of: record) { deposit.bodyBytes.append(raw: $0) }
            added += body.count
        }
        deposit.records += 1
        deposit.memory += added
        size += added
        rendered += added
        budget.force(added)
        return false
    }

    /// The deposit that came together since the last call.
    func take() -> Deposit {
        defer { (deposit, size) = (Deposit(), 0) }
        return deposit
    }

    /// Ends a turn: bytes rendered from now on count for another one.
    func turnEnds() { rendered = 0 }
}
