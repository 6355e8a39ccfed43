internal import Glibc

/// The reason a list cannot be read, or not any further, in one line that names the list.
public struct ListError: Error, Sendable, CustomStringConvertible {
    /// The kind of error. More kinds come with time, so this is not an enum to switch over
    /// exhaustively.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case missing, isFolder, unreadable, io, damaged, tooLarge, encoding, badHeader,
                malformed, changed, waiting, unfetched, forbidden
        }
        private let kind: Kind
        private init(_ kind: Kind) { self.kind = kind }

        /// There is no file at that path.
        public static let missing = Code(.missing)
        /// The path is of a folder.
        public static let isFolder = Code(.isFolder)
        /// The file may not be opened.
        public static let unreadable = Code(.unreadable)
        /// Reading failed.
        public static let io = Code(.io)
        /// The compressed bytes are damaged, end too early, or are followed by others.
        public static let damaged = Code(.damaged)
        /// Decompressing takes more memory than is allowed.
        public static let tooLarge = Code(.tooLarge)
        /// The bytes are no text in UTF-8: UTF-16, an archive, or another format altogether.
        public static let encoding = Code(.encoding)
        /// The header leaves a column without a name, names one twice, or is no row of its format.
        public static let badHeader = Code(.badHeader)
        /// The bytes are not of the list's format, from some place on.
        public static let malformed = Code(.malformed)
        /// The list is not the one that was read before: shorter, or with other bytes.
        public static let changed = Code(.changed)
        /// Nothing came for as long as the reader waits. No caller of a reader sees it.
        static let waiting = Code(.waiting)
        /// The list's origin does not give it, or not all of it.
        public static let unfetched = Code(.unfetched)
        /// The list's origin leads to a place that it must not lead to.
        public static let forbidden = Code(.forbidden)

        public var description: String { kind.rawValue }
    }

    public let code: Code
    /// The name of the list.
    public let subject: String
    /// The error in one line, the name of the list included.
    public let description: String

    /// - Parameter problem: The end of a sentence that begins with `subject`.
    public init(_ code: Code, _ subject: String, _ problem: String) {
        self.code = code
        self.subject = subject
        description = "\(subject) \(problem)"
    }

    /// The error of a call that failed while a list was opened or read.
    ///
    /// - Parameter number: The value of `errno`.
    init(errno number: Int32, _ subject: String, while doing: String) {
        let reason = String(cString: strerror(number))
        switch number {
        case ENOENT, ENOTDIR: self.init(.missing, subject, "does not exist")
        case EACCES, EPERM: self.init(.unreadable, subject, "may not be read: \(reason)")
        case EISDIR: self = .isFolder(subject)
        default: self.init(.io, subject, "cannot be \(doing): \(reason)")
        }
    }

    static func isFolder(_ subject: String) -> ListError {
        ListError(.isFolder, subject, "is a folder, not a list")
    }
}
