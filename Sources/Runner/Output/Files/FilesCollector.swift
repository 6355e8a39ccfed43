/// A loop's side of the output: renders the records of jobs that end on the loop.
final class FilesCollector: Collector {
    private let renderer: any RecordRenderer
    private let hasBodyFiles: Bool
    private let keepsFailures: Bool
    private let budget: MemoryBudget
    private var deposit = Deposit()
    /// About how many bytes the deposit takes on disk.
    private(set) var size = 0
    /// The bytes that were rendered in this turn.
    private var rendered = 0
    private lazy var digest = Digest(.sha256)

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

    func collect(_ record: consuming Record) -> Capture? {
        if hasBodyFiles, !record.isCompleted { deposit.withoutBody.append(record.bodyOfCompleted) }
        guard record.isCompleted || keepsFailures else { return record.capture }
        let count = record.capture.count
        // Escaped as JSON, a byte can become six.
        let most = 6 * count
        guard record.capture.isInMemory, count <= Self.responseBytesMax,
            rendered < Self.renderedMax, budget.take(most)
        else {
            leave(record)
            return nil
        }
        defer { budget.giveBack(most) }
        guard let added = render(record) else {
            leave(record)
            return nil
        }
        deposit.records += 1
        deposit.memory += added
        size += added
        rendered += added
        budget.force(added)
        return record.capture
    }

    /// Leaves a record to the writer, with its capture.
    private func leave(_ record: consuming Record) {
        size += record.capture.count
        deposit.whole.append(record)
    }

    /// - Returns: The number of bytes that were added to the deposit; `nil` when the format cannot
    ///   render the record, which the writer is to find out, since it can tell.
    private func render(_ record: Record) -> Int? {
        let before = deposit.bytes.count
        let name: BodyName?
        do throws(SinkError) {
            try renderer.render(record, into: &deposit.bytes) { _ in }
            name = hasBodyFiles && record.isAnswered ? try record.bodyName(by: digest) : nil
        } catch {
            deposit.bytes.removeSubrange(before...)
            return nil
        }
        let added = deposit.bytes.count - before
        guard let name else { return added }
        let body = record.capture.body
        deposit.bodies.append((name, body.count))
        // Nothing can fail: all of it is in memory.
        try? body.forEachPiece(of: record) { deposit.bodyBytes.append(raw: $0) }
        return added + body.count
    }

    func take() -> Deposit {
        defer { (deposit, size) = (Deposit(), 0) }
        return deposit
    }

    /// Ends a turn: bytes rendered from now on count for another one.
    func turnEnds() { rendered = 0 }
}
