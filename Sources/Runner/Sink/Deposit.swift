internal import JobStore

/// What the output gets of the jobs that ended on a loop in one turn.
struct Deposit: Sendable {
    /// Records, ready to be appended to a file.
    var bytes: [UInt8] = []
    /// How many.
    var records = 0
    /// Those too large to be rendered on a loop.
    var large: [Record] = []
    /// Bodies that get a file each: their names and lengths, and their bytes one after another.
    var bodies: [(name: BodyName, count: Int)] = []
    var bodyBytes: [UInt8] = []
    /// Jobs that failed, of which an earlier attempt that nobody marked may have left a body.
    var withoutBody: [BodyName] = []
    /// Of the run's budget.
    var memory = 0

    /// About how many bytes it comes to on disk.
    var size: Int {
        bytes.count + bodyBytes.count + large.reduce(0) { $0 + $1.capture.count }
    }
}

/// A loop's side of the sink: renders what ends there.
final class Recorder {
    private let renderer: any RecordRenderer
    private let format: OutputFormat
    private let keepsFailures: Bool
    private let budget: MemoryBudget
    private var deposit = Deposit()
    /// Of the deposit.
    private(set) var size = 0
    /// What was rendered in this turn.
    private var rendered = 0

    /// Larger responses are rendered by the writer: they would hold up their loop.
    private static let responseBytesMax = 64 << 10
    /// Of what is rendered in one turn.
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

    /// Takes a job that came to an end.
    ///
    /// - Returns: Whether it keeps the capture, so that the transfer needs another.
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

    /// What came together since the last call.
    func take() -> Deposit {
        defer { (deposit, size) = (Deposit(), 0) }
        return deposit
    }

    /// What is rendered from now on belongs to another turn.
    func turnEnds() { rendered = 0 }
}
