/// A loop's side of the output: renders the records of jobs that end on the loop.
final class FilesCollector {
    private let renderer: any RecordRenderer
    private let hasBodyFiles: Bool
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
        _ renderer: any RecordRenderer, hasBodyFiles: Bool, keepsFailures: Bool,
        budget: MemoryBudget
    ) {
        self.renderer = renderer
        self.hasBodyFiles = hasBodyFiles
        self.keepsFailures = keepsFailures
        self.budget = budget
    }

    /// Takes the record of a job that has ended.
    ///
    /// - Returns: Whether the collector keeps the capture, so that the transfer needs another.
    func collect(_ record: Record) -> Bool {
        if hasBodyFiles && !record.isCompleted {
            deposit.withoutBody.append(record.bodyName)
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
        if hasBodyFiles && record.isCompleted {
            deposit.bodies.append((record.bodyName, body.count))
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
