internal import Glibc
internal import Synchronization

/// The file of a queue, examined before SQLite touches it.
struct QueueFile {
    /// `PRAGMA application_id` of a queue: "RUNR".
    static let applicationID = 0x5255_4E52

    enum State { case missing, present }

    /// The path as the user named it.
    let path: String
    /// The path with links resolved, so that two names of one queue share one lock.
    let resolved: String
    let state: State

    /// - Throws: `.notAQueue` when the file is certainly something else; `.unreadable` when it
    ///   cannot be opened or read.
    init(path: String) throws(QueueError) {
        self.path = path
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else {
                throw QueueError(
                    .unreadable,
                    "the queue \(path) cannot be opened: \(Errno(errno)); check the path and its permissions"
                )
            }
            guard lstat(path, &status) != 0 else {
                throw QueueError(
                    .notAQueue,
                    "\(path) is a link to a file that is gone; remove it or restore the file")
            }
            // Not the bare name: SQLite reads `:memory:` and `file:` in one.
            resolved = path.hasPrefix("/") ? path : "./" + path
            state = .missing
            return
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw QueueError(
                .notAQueue, "\(path) is a folder", remedy: .nameFile(inFolder: path))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw QueueError(
                .notAQueue, "\(path) is not a regular file", remedy: .nameRegularFile)
        }
        // > Multiple links to the same file: each would have a WAL of its own.
        // <https://www.sqlite.org/howtocorrupt.html>, 2.5
        guard status.st_nlink == 1 else {
            throw QueueError(
                .notAQueue,
                "\(path) has \(status.st_nlink) hard links, which SQLite cannot keep safe; remove the others"
            )
        }
        guard let real = realpath(path, nil) else {
            throw QueueError(
                .unreadable, "the queue \(path) cannot be opened: \(Errno(errno))")
        }
        resolved = String(cString: real)
        free(real)
        // An empty file is where SQLite, too, sees an empty database.
        state = status.st_size == 0 ? .missing : .present
        if state == .present { try checkHeader(status) }
    }

    private func checkHeader(_ status: stat) throws(QueueError) {
        let header: [UInt8]
        do {
            header = try Self.header(of: resolved, status)
        } catch {
            throw QueueError(
                .unreadable, "the queue \(path) cannot be read: \(error); check its permissions")
        }
        guard header.count >= 72, header[..<16].elementsEqual("SQLite format 3\0".utf8) else {
            throw QueueError(
                .notAQueue,
                "\(path) is not a queue (not a SQLite database)",
                remedy: .nameAnotherFile)
        }
        // Before SQLite opens it: to open someone else's database can be to write its log back.
        let id = header[68..<72].reduce(0) { $0 << 8 | Int($1) }
        guard id == Self.applicationID else {
            throw Self.foreign(path)
        }
    }

    static func foreign(_ path: String) -> QueueError {
        QueueError(
            .notAQueue,
            "\(path) is a SQLite database, but not a queue of runner",
            remedy: .nameAnotherFile)
    }

    private struct FileID: Hashable {
        let device: UInt
        let number: UInt
    }

    /// The descriptors of the examined files, one for each file. They stay open for the life of the
    /// process: closing one would drop the locks of every connection that this process has to that
    /// file.
    private static let looks = Locked<[FileID: Int32]>([:])

    /// The first 100 bytes of a file; fewer when it is shorter.
    private static func header(of path: String, _ status: stat) throws(Errno) -> [UInt8] {
        let id = FileID(device: UInt(status.st_dev), number: UInt(status.st_ino))
        let descriptor = looks.withLock { looks in
            if let known = looks[id] { return known }
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor >= 0 { looks[id] = descriptor }
            return descriptor
        }
        guard descriptor >= 0 else { throw Errno(errno) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw Errno(errno) }
        return Array(bytes[..<count])
    }

    /// Whether a log with changes of this queue, or the rest of one, lies beside the file.
    var hasLog: Bool {
        var status = stat()
        return stat(resolved + "-wal", &status) == 0 && status.st_size > 0
    }

    var lockPath: String { resolved + "-lock" }

    /// - Returns: `nil` when the access is read-only, and when there is no queue to work on.
    func openLock(_ access: SQLiteQueue.Access) throws(QueueError) -> LockFile? {
        if access == .read || access == .write && state == .missing { return nil }
        do {
            return try LockFile(path: lockPath, readOnly: false)
        } catch {
            throw error.unmakable("the lock file \(path)-lock")
        }
    }

    /// Makes an empty queue in a file beside its place and renames that file into place, so that no
    /// moment shows half a queue.
    func create(under lock: borrowing LockFile) throws(QueueError) {
        do {
            try lock.takeToWrite(path)
            defer { lock.release(.write) }
            var status = stat()
            if stat(resolved, &status) == 0, status.st_size > 0 { return }  // made while we waited
            // SQLite would read the log into the new queue; and the log may hold the only copy of
            // the marks of a queue that was moved away.
            guard !hasLog else {
                throw QueueError(
                    .notAQueue,
                    "\(path)-wal holds the last changes of a queue that is gone; put \(path) back beside it, or remove \(path)-wal to start anew"
                )
            }
            let draft = resolved + "-new"
            removeDraft(draft)  // of one who was killed
            defer { removeDraft(draft) }
            let descriptor = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw Errno(errno) }
            _ = close(descriptor)
            try Migrator.create(at: draft)
            guard rename(draft, resolved) == 0 else { throw Errno(errno) }
            try syncFolder()
        } catch let error as QueueError {
            throw error
        } catch let error as SQLiteError {
            throw error.queueError(at: path)
        } catch let error as Errno {
            throw error.unmakable("the queue \(path)")
        } catch {
            throw QueueError(.io, "the queue \(path) cannot be made: \(error)")
        }
    }

    private func removeDraft(_ draft: String) {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(draft + suffix) }
    }

    /// Syncs the folder, which makes a rename in it durable.
    private func syncFolder() throws(Errno) {
        let folder = resolved.lastIndex(of: "/").map { String(resolved[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Errno(errno) }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Errno(errno) }
    }
}
