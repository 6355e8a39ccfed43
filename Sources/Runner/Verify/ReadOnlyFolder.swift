internal import Glibc

/// What is wrong with a file: a sentence that goes on after its name.
struct Damage: Error, Equatable {
    let description: String

    static let missing = Damage("is missing")

    init(_ description: String) { self.description = description }

    /// The call that failed last says why.
    static func system(_ what: String) -> Damage {
        Damage("\(what): \(String(cString: strerror(errno)))")
    }
}

/// A folder of files that are only read; no link in it is followed.
final class ReadOnlyFolder {
    private let descriptor: Int32

    /// - Throws: Why it cannot be opened. Its own path may lead over links: the user gave it.
    init(path: String) throws(Damage) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Damage.system("cannot be opened") }
    }

    private init(owning descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// A folder in it.
    func folder(_ name: String) throws(Damage) -> ReadOnlyFolder {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let descriptor = openat(descriptor, name, flags)
        guard descriptor >= 0 else { throw Self.unopened() }
        return ReadOnlyFolder(owning: descriptor)
    }

    /// A regular file in it.
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

    /// The names in it that look like ours, sorted.
    func outputNames() throws(Damage) -> [String] {
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
            if OutputName(name) != nil { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw Damage.system("cannot be listed") }
        return names.sorted()
    }
}

/// A regular file that is open for reading.
final class OpenFile {
    private let descriptor: Int32
    /// When it was opened.
    let bytes: Int

    fileprivate init(owning descriptor: Int32) throws(Damage) {
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

    /// - Returns: How many bytes were read: 0 at the end of the file only.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(Damage) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw Damage.system("cannot be read at byte \(offset)") }
        }
    }
}
