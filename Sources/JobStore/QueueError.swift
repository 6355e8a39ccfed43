/// The reason a queue cannot do what was asked, in one line that names the thing, and the cure.
public struct QueueError: Error, Sendable, CustomStringConvertible {
    /// The kind of error. More kinds come with time, so this is not an enum to switch over
    /// exhaustively.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case missing, notAQueue, newer, damaged, unreadable, readOnly, full, io, busy,
                unreachable, inUse, fenced, tooMany, keyTaken, nameTaken, noBatch, noRoom,
                wasSplit, unfit, unsupported, forgotten
        }
        private let kind: Kind
        private init(_ kind: Kind) { self.kind = kind }

        /// There is no queue at that path.
        public static let missing = Code(.missing)
        /// The file is not a queue: a directory, not SQLite, or the SQLite database of another
        /// program.
        public static let notAQueue = Code(.notAQueue)
        /// A later version of this program wrote it.
        public static let newer = Code(.newer)
        /// The file contradicts itself.
        public static let damaged = Code(.damaged)
        /// The file may not be opened.
        public static let unreadable = Code(.unreadable)
        /// The file or its folder may not be written.
        public static let readOnly = Code(.readOnly)
        /// The disk is full.
        public static let full = Code(.full)
        /// Reading or writing failed.
        public static let io = Code(.io)
        /// Another process holds the write lock for longer than this one waits.
        public static let busy = Code(.busy)
        /// The store does not answer at present.
        public static let unreachable = Code(.unreachable)
        /// A runner already works on the queue.
        public static let inUse = Code(.inUse)
        /// A marked job is not leased to the runner that marks it.
        public static let fenced = Code(.fenced)
        /// The queue would hold more jobs than an `Int` can count.
        public static let tooMany = Code(.tooMany)
        /// The key of an enqueue belongs to a batch of other jobs.
        public static let keyTaken = Code(.keyTaken)
        /// The name of a batch belongs to another one.
        public static let nameTaken = Code(.nameTaken)
        /// There is no batch with that ID.
        public static let noBatch = Code(.noBatch)
        /// The queue can keep no further kind of outcome.
        public static let noRoom = Code(.noRoom)
        /// Queues in stores of this kind do not do what was asked.
        public static let unsupported = Code(.unsupported)

        /// The queue was split: its shards are worked on.
        public static let wasSplit = Code(.wasSplit)
        /// Queues that cannot be split or merged so, or jobs that a shard does not take.
        public static let unfit = Code(.unfit)

        /// An output folder that the queue does not have, is about to forget, or has forgotten.
        public static let forgotten = Code(.forgotten)

        public var description: String { kind.rawValue }
    }

    /// The action that helps, where it is one for whoever called: a program says it in the words of
    /// its own options and commands.
    public enum Remedy: Hashable, Sendable {
        /// Name a file in this folder, which was named itself.
        case nameFile(inFolder: String)
        /// Name a regular file.
        case nameRegularFile
        /// Name another file.
        case nameAnotherFile
        /// Give the batch another name.
        case nameBatchOtherwise
        /// Make a queue at this path.
        case makeQueue(path: String)
        /// Restore a copy of the queue, or recover from the file at this path what can be read.
        case restoreCopy(orRecover: String)
        /// Allow the user more threads.
        case allowThreads
        /// Use a later version of this program.
        case upgrade
        /// Work on the shards, the queues in this folder; where some are missing, split once more.
        case useShards(folder: String, count: Int, queue: String)
        /// Queue the jobs by shards, in each of them; or elsewhere, or in the queue that they are
        /// merged to.
        case queueShard(Shard)
        /// Name all shards of the larger queue.
        case nameAllShards
        /// Name another folder for the shards.
        case nameAnotherShardFolder
        /// Go on to forget the outputs with these numbers.
        case finishForgetting([Int])
        /// Name another folder for the output.
        case nameAnotherOutput
    }

    public let code: Code
    /// The error in one line. It names the cure only where there is no `remedy`.
    public let description: String
    public let remedy: Remedy?

    public init(_ code: Code, _ description: String, remedy: Remedy? = nil) {
        self.code = code
        self.description = description
        self.remedy = remedy
    }
}
