public import JobStore

/// A job's record, as an output file has it.
public struct JobRecord: Sendable {
    public let batchID: Batch.ID
    /// The job's ID, unique within its batch.
    public let id: Int
    /// Whether the job was completed; otherwise it failed.
    public let isCompleted: Bool

    public init(batchID: Batch.ID, id: Int, isCompleted: Bool) {
        self.batchID = batchID
        self.id = id
        self.isCompleted = isCompleted
    }
}

/// Reads the records of an output file in the order they stand.
///
/// Faults of a single record go to the reader's `Complaints`.
public protocol RecordReader: AnyObject {
    /// - Returns: The next record; `nil` when all bytes that count were read.
    /// - Throws: `Damage` that makes it impossible to tell where the next record begins.
    func next() throws(Damage) -> JobRecord?
}

/// An output file that is to be read, or the part of it that was not read yet.
public struct FileToRead {
    /// The bytes to be read. They begin with the file, or at the end of a commit.
    public let bytes: any ByteSource
    /// Whether `bytes` begins with the file.
    public let isFromBeginning: Bool
    /// Whether the file is sealed: `bytes` reaches to what seals it.
    public let isSealed: Bool
    /// The number of records that stand before `bytes`.
    public let recordsBefore: Int
    /// Whether bodies are kept: a completed job's record must have a body then, if the format has
    /// bodies.
    public let keepsBodies: Bool
    /// The bodies that have files of their own.
    public let bodies: StoredBodies
    /// The faults of the file; the reader adds those that it finds.
    public let complaints: Complaints
}

/// The faults of one file: the first few are told, the rest counted.
public final class Complaints {
    private static let toldMax = 5

    private let file: String
    private var told: [String] = []
    private var more = 0

    init(about file: String) { self.file = file }

    /// Adds a fault.
    ///
    /// - Parameter complaint: The rest of a sentence that begins with the file's name.
    public func add(_ complaint: String) {
        if told.count < Self.toldMax { told.append("\(file) \(complaint)") } else { more += 1 }
    }

    var list: [String] { more == 0 ? told : told + ["\(file) has \(more) more faults"] }
}
