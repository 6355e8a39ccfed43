import Glibc

/// A file that is written whole and then takes the place of the one before: a reader sees either.
enum ReplacedFile {
    struct Failure: Error {
        /// The reason in words for people.
        let reason: String

        fileprivate init(_ number: Int32) { reason = String(cString: strerror(number)) }
        fileprivate init(reason: String) { self.reason = reason }
    }

    /// Replaces the file, or makes it. A link stays one: the file that it leads to is replaced.
    ///
    /// - Throws: `Failure`; the file is as it was before then, and nothing is left beside it.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let target = try target(of: path)
        // With a suffix of its own, since collectors read what has theirs.
        let draft = "\(target).\(getpid()).tmp"
        // Of a process that was killed and had our number. A link there is not followed.
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure(errno) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let failure = Failure(errno)
                close(descriptor)
                unlink(draft)
                throw failure
            }
            rest = rest.dropFirst(count)
        }
        guard close(descriptor) == 0, rename(draft, target) == 0 else {
            let failure = Failure(errno)
            unlink(draft)
            throw failure
        }
    }

    /// The path with links resolved, of a regular file or of none.
    private static func target(of path: String) throws(Failure) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        var found = Glibc.stat()
        if stat(real, &found) == 0, found.st_mode & S_IFMT != S_IFREG {
            throw Failure(reason: "it is no regular file")
        }
        return String(cString: real)
    }
}
