internal import JobStore

/// A job's record, as an output file has it.
struct JobRecord {
    let batchID: Batch.ID
    let id: Int
    /// Whether the job was completed; otherwise it failed.
    let isCompleted: Bool
}

/// Reads the records of an output file in the order they stand.
///
/// Faults of a single record go to the reader's `Complaints`.
protocol RecordReader: AnyObject {
    /// - Returns: The next record; `nil` when all bytes that count were read.
    /// - Throws: `Damage` that makes it impossible to tell where the next record begins.
    func next() throws(Damage) -> JobRecord?
}

/// The faults of one file: the first few are told, the rest counted.
final class Complaints {
    private static let limit = 5

    private let file: String
    private var told: [String] = []
    private var more = 0

    init(about file: String) { self.file = file }

    func add(_ complaint: String) {
        if told.count < Self.limit { told.append("\(file) \(complaint)") } else { more += 1 }
    }

    var list: [String] { more == 0 ? told : told + ["\(file) has \(more) more faults"] }
}
