internal import Glibc

/// A fault of a file, as a sentence that goes on after the file's name.
public struct Damage: Error, Equatable {
    public let description: String

    static let missing = Damage("is missing")

    /// - Parameter description: The rest of a sentence that begins with the file's name.
    public init(_ description: String) { self.description = description }

    /// The damage with the reason that the last failed call gave (`errno`).
    static func system(_ what: String) -> Damage {
        Damage("\(what): \(String(cString: strerror(errno)))")
    }
}

/// A folder of files that are only read; no link in it is followed.
final class ReadOnlyFolder {
    private let descriptor: Int32

    /// Opens the folder at `path`, which may lead over links: the user gave it.
    ///
    /// - Throws: The reason why the folder cannot be opened.
    init(path: String) throws(Damage) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Damage.system("cannot be opened") }
    }

    private init(owning descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Opens a folder in this one.
    func folder(_ name: String) throws(Damage) -> ReadOnlyFolder {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let descriptor = openat(descriptor, name, flags)
        guard descriptor >= 0 else { throw Self.unopened() }
        return ReadOnlyFolder(owning: descriptor)
    }

    /// Opens a regular file in this folder.
    func file(_ name: String) throws(Damage) -> OpenFile {
        // Not waiting: a pipe has no end to read to.
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let descriptor = openat(descriptor, name, flags)
        guard descriptor >= 0 else { throw Self.unopened() }
        return try OpenFile(owning: descriptor)
    }

    private static func unopened() -> Damage {
        switch errno {
        case ENOENT: .missing
        case ELOOP: Damage("is a link, not a file")
        case ENOTDIR: Damage("is not in a folder, or the folder is a link")
        default: Damage.system("cannot be opened")
        }
    }

    /// The names in the folder that `isWanted` takes, sorted.
    func names(where isWanted: (String) -> Bool) throws(Damage) -> [String] {
        let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else {
            throw Damage.system("cannot be listed")
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if isWanted(name) { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw Damage.system("cannot be listed") }
        return names.sorted()
    }
}

/// A regular file that is open for reading.
public final class OpenFile {
    private let descriptor: Int32
    /// The length of the file in bytes when it was opened.
    public let bytes: Int

    init(owning descriptor: Int32) throws(Damage) {
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            bytes = 0
            throw Damage.system("cannot be looked at")
        }
        bytes = Int(status.st_size)
        guard status.st_mode & S_IFMT == S_IFREG else { throw Damage("is not a regular file") }
    }

    deinit { close(descriptor) }

    /// Reads bytes from `offset` on.
    ///
    /// - Returns: The number of bytes read: 0 at the end of the file only.
    public func read(
        at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Damage) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw Damage.system("cannot be read at byte \(offset)") }
        }
    }
}
