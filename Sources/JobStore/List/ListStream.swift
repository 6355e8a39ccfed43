/// A list whose jobs are available while it is being added: a batch that grows.
///
/// Each call is one short transaction, which adds jobs and records how far the list was taken: when
/// the process is killed at any point, exactly the lines up to there are in the batch.
public protocol ListStream: Sendable {
    /// The state of the list when this process went on with it; `nil` for a new list.
    var before: UnfinishedList? { get }

    /// Adds blocks, and records how far the list was taken with them.
    ///
    /// The first blocks make the batch. Without blocks only the record changes.
    ///
    /// - Parameter blocks: Their positions go on where the batch ends.
    /// - Returns: The batch; `nil` while it has no job.
    /// - Throws: `.keyTaken` or `.nameTaken` when another batch has the label's key or name.
    @discardableResult
    func add(_ blocks: [ListBlock], taken: TakenPart) async throws(QueueError) -> Batch?

    /// Adds the last blocks, and records that the list is complete.
    ///
    /// - Parameter key: A key that the batch gets, by which a repetition is recognised, if the batch
    ///   has none and no other has this one.
    /// - Returns: The batch; `nil` when no block was ever added.
    /// - Throws: As `add` does.
    func finish(
        _ blocks: [ListBlock], taken: TakenPart, key: String?
    ) async throws(QueueError) -> Batch?

    /// Leaves the list as it is. If it has jobs, any process may go on with it.
    func leave() async
}

/// A list that is a batch already, and is not complete.
public struct UnfinishedList: Equatable, Sendable {
    /// The batch, with the jobs so far.
    public let batch: Batch
    /// The name that people call the batch by; `nil` for none.
    public let name: String?
    /// The rank of the batch among others, one of `BatchLabel.priorities`.
    public let priority: Int
    /// The file that is read; `nil` for a pipe.
    public let origin: ListOrigin?
    /// The part of the list that was taken.
    public let taken: TakenPart
    /// Whether a process adds to the list at present; `nil` when this cannot be known.
    public let isBeingAdded: Bool?

    public init(
        batch: Batch, name: String?, priority: Int, origin: ListOrigin?, taken: TakenPart,
        isBeingAdded: Bool?
    ) {
        self.batch = batch
        self.name = name
        self.priority = priority
        self.origin = origin
        self.taken = taken
        self.isBeingAdded = isBeingAdded
    }

    /// The most lists that a store tells of at once.
    public static let countMax = 1000
}

/// The marks by which the file of a list is known again, though it may have grown.
public struct ListOrigin: Hashable, Sendable {
    /// The name of the file.
    public let name: String
    /// The number of bytes at its beginning that the hash is of.
    public let byteCount: Int
    /// A hash of these bytes.
    public let hash: UInt64

    public init(name: String, byteCount: Int, hash: UInt64) {
        self.name = name
        self.byteCount = byteCount
        self.hash = hash
    }
}

/// The part of a list that was taken: each row of it is a job, or was rejected.
public struct TakenPart: Equatable, Sendable {
    /// The number of rows, the rejected ones included.
    public var records: Int
    /// The number of lines up to the end of the last row, those included that were left out.
    public var lines: Int
    /// The number of bytes up to there, decompressed.
    public var bytes: Int

    public init(records: Int = 0, lines: Int = 0, bytes: Int = 0) {
        self.records = records
        self.lines = lines
        self.bytes = bytes
    }
}
