/// Why a queue cannot do what was asked: one line that names the thing and the cure.
public struct QueueError: Error, Sendable, CustomStringConvertible {
    /// What kind of trouble; grows with time, so it is not an enum to switch over exhaustively.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case missing, notAQueue, newer, damaged, unreadable, readOnly, full, io, busy, inUse,
                fenced, tooMany
        }
        private let kind: Kind
        private init(_ kind: Kind) { self.kind = kind }

        /// There is no queue at that path.
        public static let missing = Code(.missing)
        /// The file is something else: a directory, not SQLite, someone else's SQLite.
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
        /// Another process holds the write lock longer than we wait.
        public static let busy = Code(.busy)
        /// A runner works on the queue already.
        public static let inUse = Code(.inUse)
        /// What was marked is not leased to the one who marks it.
        public static let fenced = Code(.fenced)
        /// It would hold more jobs than an `Int` counts.
        public static let tooMany = Code(.tooMany)

        public var description: String { kind.rawValue }
    }

    public let code: Code
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
