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

    private mutating func checkHeader(_ status: stat) throws(QueueError) {
        let header: [UInt8]
        let examined = FileID(device: UInt(status.st_dev), number: UInt(status.st_ino))
        id = examined
        do {
            header = try Self.header(of: resolved, examined)
        } catch {
            throw QueueError(
                .unreadable, "the queue \(path) cannot be read: \(error); check its permissions")
        }
        guard let application = Self.applicationID(in: header) else {
            throw QueueError(
                .notAQueue,
                "\(path) is not a queue (not a SQLite database)",
                remedy: .nameAnotherFile)
        }
        // Before SQLite opens it: to open someone else's database can be to write its log back.
        guard application == Self.applicationID else { throw Self.foreign(path) }
    }

    static func foreign(_ path: String) -> QueueError {
        QueueError(
            .notAQueue,
            "\(path) is a SQLite database, but not a queue of runner",
            remedy: .nameAnotherFile)
    }

    struct FileID: Hashable {
        let device: UInt
        let number: UInt
    }

    /// The descriptor by which a file was examined, negative for none, and how many may have
    /// connections to the file.
    private struct Look {
        var descriptor: Int32 = -1
        var users = 0
    }

    /// The examined files. A descriptor stays open while a connection may be open, and for the life
    /// of the process where nobody says that it is not: closing one drops the locks of every
    /// connection that this process has to that file.
    private static let looks = Locked<[FileID: Look]>([:])

    /// The file, once it was examined.
    private(set) var id: FileID?

    /// Tells that whoever examined a file has closed his connection to it, so that the descriptors of
    /// thousands of queues, looked at one after another, are not open at a time.
    static func endLook(at id: FileID) {
        looks.withLock { looks in
            guard var look = looks[id] else { return }
            look.users -= 1
            looks[id] = look.users > 0 ? look : nil
            if look.users <= 0, look.descriptor >= 0 { _ = close(look.descriptor) }
        }
    }

    /// Tells that somebody has a connection to a file that was not examined, since it was made.
    static func beginLook(at path: String) -> FileID? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let id = FileID(device: UInt(status.st_dev), number: UInt(status.st_ino))
        looks.withLock { $0[id, default: Look()].users += 1 }
        return id
    }

    /// The first 100 bytes of a file; fewer when it is shorter.
    private static func header(of path: String, _ id: FileID) throws(Errno) -> [UInt8] {
        let descriptor = looks.withLock { looks in
            var look = looks[id] ?? Look()
            if look.descriptor < 0 { look.descriptor = open(path, O_RDONLY | O_CLOEXEC) }
            guard look.descriptor >= 0 else { return look.descriptor }
            look.users += 1
            looks[id] = look
            return look.descriptor
        }
        guard descriptor >= 0 else { throw Errno(errno) }
        return try beginning(of: descriptor)
    }

    private static func beginning(of descriptor: Int32) throws(Errno) -> [UInt8] {
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
            if isMade { return }  // while we waited
            try checkNoLog()
            try removeLeftDraft()
            let descriptor = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw Errno(errno) }
            _ = close(descriptor)
            defer { removeDraft() }
            try Migrator.create(at: draft)
            try placeDraft()
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

    /// The file that becomes the queue once it is whole: hidden, and of a name that nobody gives to a
    /// queue.
    var draft: String {
        let name = resolved.lastIndex(of: "/").map(resolved.index(after:)) ?? resolved.startIndex
        return "\(resolved[..<name]).\(resolved[name...])-draft"
    }

    /// Whether there is something at the queue's place.
    var isMade: Bool {
        var status = stat()
        return stat(resolved, &status) == 0 && status.st_size > 0
    }

    /// - Throws: `.notAQueue` where a log lies beside the queue's place. SQLite would read the log
    ///   into a new queue; and it may hold the only copy of the marks of a queue that was moved away.
    func checkNoLog() throws(QueueError) {
        guard !hasLog else {
            throw QueueError(
                .notAQueue,
                "\(path)-wal holds the last changes of a queue that is gone; put \(path) back beside it, or remove \(path)-wal to start anew"
            )
        }
    }

    /// Puts the draft in the queue's place.
    func placeDraft() throws(Errno) {
        guard rename(draft, resolved) == 0 else { throw Errno(errno) }
        try syncFolder()
    }

    /// Removes the draft that we have made.
    func removeDraft() { Self.remove(draft) }

    /// Removes the draft of one who was killed.
    ///
    /// - Throws: `.notAQueue` when what is in its place is certainly no draft.
    func removeLeftDraft() throws(QueueError) {
        var status = stat()
        guard lstat(draft, &status) == 0 else { return }
        // One that was killed early is empty.
        let isDraft =
            status.st_mode & S_IFMT == S_IFREG
            && (status.st_size == 0 || Self.applicationID(ofFileAt: draft) == Self.applicationID)
        guard isDraft else {
            throw QueueError(
                .notAQueue,
                "\(draft) is in the way of the queue \(path), which is made under that name, and is not of runner; move it away"
            )
        }
        removeDraft()
    }

    /// - Returns: `nil` when the file cannot be read, or is no SQLite database.
    private static func applicationID(ofFileAt path: String) -> Int? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { _ = close(descriptor) }
        return applicationID(in: (try? beginning(of: descriptor)) ?? [])
    }

    private static func applicationID(in header: [UInt8]) -> Int? {
        guard header.count >= 72, header[..<16].elementsEqual("SQLite format 3\0".utf8) else {
            return nil
        }
        return header[68..<72].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Removes a file of SQLite, and those beside it.
    static func remove(_ path: String) {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
    }

    /// The folder of the queue, links resolved once the queue is there.
    private var folder: String {
        resolved.lastIndex(of: "/").map { String(resolved[...$0]) } ?? "."
    }

    /// The folder of a queue's file, links resolved, without a slash at its end but for the root.
    static func folder(ofFileAt path: String) -> String {
        guard let real = realpath(path, nil) else { return "." }
        defer { free(real) }
        let file = String(cString: real)
        let slash = file.lastIndex(of: "/") ?? file.startIndex
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    /// Syncs the folder, which makes a rename in it durable.
    private func syncFolder() throws(Errno) { try Errno.sync(folder, O_RDONLY | O_DIRECTORY) }
}
