/// The reason a queue cannot do what was asked, in one line that names the thing and the cure.
public struct QueueError: Error, Sendable, CustomStringConvertible {
    /// The kind of error. More kinds come with time, so this is not an enum to switch over
    /// exhaustively.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case missing, notAQueue, newer, damaged, unreadable, readOnly, full, io, busy,
                unreachable, inUse, fenced, tooMany, keyTaken
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

        public var description: String { kind.rawValue }
    }

    public let code: Code
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
