/// Where the responses of a queue go: remembered from run to run.
public struct OutputSettings: Equatable, Sendable {
    /// The folder's absolute path, in which `/./` may mark where the queue's own folder ends.
    public var folder: String
    /// Random, new with each run; a file in the folder has it, too, and so says that it is this
    /// queue's, at this stage.
    public var identity: String
    /// That of the run before, for as long as the file in the folder may have it yet.
    public var identityBefore = ""
    /// One of the formats the sink knows; a store does not look at it.
    public var format: String
    /// Bytes after which a file is sealed and the next begun, 1 or more.
    public var rotateBytes: Int
    public var keepsBodies: Bool
    /// Whether jobs that failed for good get a record, too.
    public var keepsFailures: Bool

    public init(
        folder: String, identity: String, format: String, rotateBytes: Int, keepsBodies: Bool,
        keepsFailures: Bool
    ) {
        self.folder = folder
        self.identity = identity
        self.format = format
        self.rotateBytes = rotateBytes
        self.keepsBodies = keepsBodies
        self.keepsFailures = keepsFailures
    }
}

/// An output file, and how much of it counts.
public struct OutputFile: Equatable, Sendable {
    /// Rises from file to file of a queue, from 1; never given twice.
    public let id: Int
    /// Within the folder.
    public let name: String
    public let format: String
    /// From the file's beginning; what stands behind them was never marked.
    public var bytes: Int
    /// CRC-32 (as of gzip) of these bytes.
    public var crc32: UInt32
    /// Jobs with a record in these bytes.
    public var records: Int
    /// Never written to again.
    public var isSealed: Bool

    public init(
        id: Int, name: String, format: String, bytes: Int = 0, crc32: UInt32 = 0, records: Int = 0,
        isSealed: Bool = false
    ) {
        self.id = id
        self.name = name
        self.format = format
        self.bytes = bytes
        self.crc32 = crc32
        self.records = records
        self.isSealed = isSealed
    }
}

/// The output of a queue, as it remembers it.
public struct QueueOutput: Equatable, Sendable {
    /// `nil` while responses are not kept.
    public let settings: OutputSettings?
    /// By rising ID.
    public let files: [OutputFile]
    /// Jobs that were completed before there was an output, and so have no record in it.
    public let completedBefore: Int

    public init(settings: OutputSettings?, files: [OutputFile], completedBefore: Int) {
        self.settings = settings
        self.files = files
        self.completedBefore = completedBefore
    }
}
