/// An output folder of a queue, with its files, their numbers and its identity.
public struct Site: Hashable, Sendable {
    /// The number of the site within its queue.
    public let id: Int

    public init(id: Int) { self.id = id }

    /// The site of a queue that has one.
    public static let only = Site(id: 0)
}

/// The place and form of a queue's responses, remembered from run to run.
public struct OutputSettings: Equatable, Sendable {
    /// The folder's absolute path, in which `/./` may mark where the queue's own folder ends.
    public var folder: String
    /// A random text, new with each run. A file in the folder holds the same text, and so shows
    /// that the folder is this queue's, as of this run.
    public var identity: String
    /// The identity of the run before, for as long as the file in the folder may still hold it.
    public var identityBefore = ""
    /// The name of a format that the sink knows; a store does not interpret it.
    public var format: String
    /// The number of bytes after which a file is sealed and the next begun, 1 or more.
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

/// An output file, and the part of it that counts.
public struct OutputFile: Equatable, Sendable {
    /// The number of the file. It rises from file to file of a queue, from 1; no number is given
    /// twice.
    public let id: Int
    /// The name within the folder.
    public let name: String
    public let format: String
    /// The number of bytes that count, from the beginning of the file; bytes behind them were never
    /// marked.
    public var bytes: Int
    /// The CRC-32 (as of gzip) of the bytes that count.
    public var crc32: UInt32
    /// The number of jobs with a record in the bytes that count.
    public var records: Int
    /// Whether the file is never written to again.
    public var isSealed: Bool
    /// Whether the file was handed over once it was sealed (`RunnerLease.handedOver`).
    public var isHandedOver: Bool

    public init(
        id: Int, name: String, format: String, bytes: Int = 0, crc32: UInt32 = 0, records: Int = 0,
        isSealed: Bool = false, isHandedOver: Bool = false
    ) {
        self.id = id
        self.name = name
        self.format = format
        self.bytes = bytes
        self.crc32 = crc32
        self.records = records
        self.isSealed = isSealed
        self.isHandedOver = isHandedOver
    }
}

/// Files in a folder that runs of another queue have written to.
public struct InheritedFiles: Equatable, Sendable {
    public let site: Site
    public let settings: OutputSettings
    /// Some of the files of the site, by rising ID.
    public let files: [OutputFile]

    public init(site: Site, settings: OutputSettings, files: [OutputFile]) {
        self.site = site
        self.settings = settings
        self.files = files
    }
}

/// The output of a queue, as the queue remembers it.
public struct QueueOutput: Equatable, Sendable {
    /// The settings of the output; `nil` while responses are not kept.
    public let settings: OutputSettings?
    /// The files by rising ID.
    public let files: [OutputFile]
    /// The number of jobs that were completed before there was an output, and so have no record in
    /// it.
    public let completedBefore: Int

    public init(settings: OutputSettings?, files: [OutputFile], completedBefore: Int) {
        self.settings = settings
        self.files = files
        self.completedBefore = completedBefore
    }
}
