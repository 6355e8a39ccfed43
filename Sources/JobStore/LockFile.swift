internal import CGlibc
internal import Glibc

/// Kernel locks between processes, on a file of their own beside the queue.
///
/// The locks have their own file, because closing any descriptor of the database outside SQLite
/// drops all of the process's locks on the database (<https://www.sqlite.org/howtocorrupt.html>,
/// 2.2). The locks belong to an open file description (`F_OFD_SETLK`), so that the kernel frees
/// them with the process, however it ends. Byte 0 is the right to run, byte 1 the right to write,
/// byte 4,095 the right to add a list without duplicates, byte 4,096 + *n* the right to add lines to
/// batch *n*; the text from byte 2 on names the runner.
package struct LockFile: ~Copyable {
    package struct Right: RawRepresentable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        package static let run = Right(rawValue: 0)
        static let write = Right(rawValue: 1)
        /// The right to add to the set of requests.
        static let addingUnique = Right(rawValue: rightsMax - 1)
        /// The right to add the lines of a list that is not complete.
        ///
        /// - Parameter batch: A damaged file may name any; of those past the bound, nobody adds.
        static func adding(to batch: Batch.ID) -> Right {
            Right(rawValue: batch >= 0 && batch < .max - rightsMax ? rightsMax + batch : rightsMax)
        }
    }

    /// The first byte that stands for a list.
    static let rightsMax = 4096

    private let path: String
    private let descriptor: Int32

    /// - Throws: `Errno` when the file cannot be opened or made.
    package init(path: String, readOnly: Bool) throws(Errno) {
        let flags = (readOnly ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC | O_NOFOLLOW
        let descriptor = open(path, flags, 0o600)
        guard descriptor >= 0 else { throw Errno(errno) }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { _ = Glibc.close(descriptor) }

    /// Takes a right, waiting up to `patienceMillis`.
    ///
    /// - Returns: Whether this lock file holds the right now.
    package func take(_ right: Right, patienceMillis: Int) throws(Errno) -> Bool {
        // The kernel knows no timeout for locks; a write transaction lasts about a millisecond.
        var waitedMillis = 0
        while true {
            var lock = request(right, F_WRLCK)
            if fcntl(descriptor, Int32(set_ofd_lock), &lock) == 0 {
                guard isInPlace else { throw Errno(ESTALE) }
                return true
            }
            guard errno == EAGAIN || errno == EACCES || errno == EINTR else {
                throw Errno(errno)
            }
            guard waitedMillis < patienceMillis else { return false }
            usleep(1000)
            waitedMillis += 1
        }
    }

    /// Takes the right to write, waiting up to 10 s for another writer.
    ///
    /// - Parameter queue: The name of the queue, for messages.
    func takeToWrite(_ queue: String) throws(QueueError) {
        let isOurs: Bool
        do {
            isOurs = try take(.write, patienceMillis: 10_000)
        } catch {
            throw error.untakable(queue)
        }
        guard isOurs else {
            throw QueueError(
                .busy,
                "another process keeps the queue \(queue) locked; wait for it and try again")
        }
    }

    /// Whether the path still leads to this file. A lock on a file that was removed keeps nobody
    /// out.
    private var isInPlace: Bool {
        var (ours, theirs) = (stat(), stat())
        return fstat(descriptor, &ours) == 0 && stat(path, &theirs) == 0
            && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev
    }

    func release(_ right: Right) {
        var lock = request(right, F_UNLCK)
        _ = fcntl(descriptor, Int32(set_ofd_lock), &lock)
    }

    /// Whether another open file description holds the right now; `nil` when the kernel cannot say.
    package func isTaken(_ right: Right) -> Bool? {
        var lock = request(right, F_WRLCK)
        guard fcntl(descriptor, Int32(get_ofd_lock), &lock) == 0 else { return nil }
        return lock.l_type != Int16(F_UNLCK)
    }

    /// Writes the holder's process ID into the file, so that others can name the holder.
    func writeHolder(pid: Int) {
        let text = Array("\n\n\(pid)\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    /// Reads the process ID that the last holder of the right to run wrote.
    func readHolder() -> Int? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(
            String(decoding: bytes[..<count].filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    private func request(_ right: Right, _ type: Int32) -> flock {
        flock(
            l_type: Int16(type), l_whence: Int16(SEEK_SET), l_start: off_t(right.rawValue),
            l_len: 1,
            l_pid: 0)
    }
}
