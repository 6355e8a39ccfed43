internal import Glibc

/// The place where a list comes from.
public enum ListSource: Sendable {
    /// A file or a named pipe.
    case file(String)
    /// An open descriptor, for example standard input, read from where it stands. It stays the
    /// caller's to close.
    case descriptor(Int32, name: String)
    /// An origin that is asked for the bytes.
    case origin(any ByteOrigin)

    /// The text by which errors name the list.
    public var name: String {
        switch self {
        case .file(let path): path
        case .descriptor(_, let name): name
        case .origin(let origin): origin.name
        }
    }

    /// Looks for the marks by which the list may be known again.
    ///
    /// - Parameter byteCount: The bytes of the file that count, where it may have grown; `nil` for
    ///   all of them.
    /// - Returns: `nil` for a pipe, or anything else that can be read only once.
    public func identity(byteCount: Int? = nil) throws(ListError) -> ListIdentity? {
        switch self {
        case .file, .descriptor:
            isNamedPipe ? nil : try ByteFile(self).identity(byteCount: byteCount)
        case .origin(let origin): try origin.identity()
        }
    }

    /// Looks at the beginning of the file, by which a list that grows is known again.
    ///
    /// - Parameter byteCount: The bytes to look at, those of another look; `nil` for the first
    ///   64 KB, or as many as there are.
    /// - Returns: `nil` for a pipe, or anything else that can be read only once.
    public func beginning(byteCount: Int? = nil) throws(ListError) -> ListBeginning? {
        switch self {
        case .file, .descriptor:
            isNamedPipe ? nil : try ByteFile(self).beginning(byteCount: byteCount)
        case .origin: nil
        }
    }

    /// Whether the list is a named pipe. To open one just to look would wait for a writer, or take
    /// the writer's only reader away.
    private var isNamedPipe: Bool {
        switch self {
        case .descriptor, .origin: return false
        case .file(let path):
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
        }
    }
}

/// The marks by which the file of a list that grows is known again: its name and how it begins.
///
/// Like that of `ListIdentity`, the hash is made against accidents, not against people.
public struct ListBeginning: Hashable, Sendable {
    /// The name of the source.
    public let name: String
    /// The bytes that were looked at, 64 KB at most.
    public let byteCount: Int
    /// FNV-1a, 64 bits, of these bytes.
    public let hash: UInt64
}

/// The marks by which a list's file is known again: name, size, and a hash of both its ends.
///
/// The hash is made against accidents, not against people: a file that was changed in its middle
/// without a change of size looks the same.
public struct ListIdentity: Hashable, Sendable {
    /// The name of the source.
    public let name: String
    /// The size of the file as it lies there, compressed or not, from where reading begins.
    public let byteCount: Int
    /// FNV-1a, 64 bits, of the first and the last 64 KB, of each byte once in a smaller file; or of
    /// what an origin tells of the list's version.
    public let endsHash: UInt64

    /// Makes one of what was kept of another.
    public init(name: String, byteCount: Int, endsHash: UInt64) {
        self.name = name
        self.byteCount = byteCount
        self.endsHash = endsHash
    }

    /// Makes that of a list whose origin tells its version.
    ///
    /// - Parameters:
    ///   - byteCount: 0 when it is not known.
    ///   - version: Any text that differs from version to version.
    public init(name: String, byteCount: Int, version: String) {
        var hash = FNV1a()
        for byte in version.utf8 { hash.add(byte) }
        self.init(name: name, byteCount: byteCount, endsHash: hash.value)
    }
}
