internal import CSQLite
internal import Glibc

/// The default store: a queue in one SQLite file.
///
/// In each process only one read-write connection, on its own thread, writes and checkpoints.
/// Between processes, each write transaction, with the checkpoint it may end in, holds a lock on a
/// separate lock file. Otherwise SQLite 3.7.0–3.51.2 can corrupt a WAL database when one connection
/// checkpoints while another commits (<https://www.sqlite.org/wal.html#walresetbug>).
public actor SQLiteQueue: JobQueue {
    /// The purpose a queue is opened for.
    public enum Access: Sendable {
        /// Reading: never writes, never checkpoints.
        case read
        /// Working on a queue that must exist.
        case write
        /// Adding to a queue, which is made if missing.
        case create
    }

    /// The path as the user named it, for messages.
    nonisolated let path: String
    nonisolated let thread: BlockingThread
    nonisolated public var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    var connection: Connection
    /// The lock file; `nil` when the queue was opened for reading.
    let lock: LockFile?
    let lockPath: String
    /// The file, so that others in this process know of the connection; `nil` once it is closed.
    private var fileID: QueueFile.FileID?
    /// The epoch of this process, its ID in the table `runner`, while it is attached; `nil`
    /// otherwise.
    var runnerID: Int?
    /// The lists that this process is adding.
    var addedLists: Set<Batch.ID> = []
    /// The list that this process is adding without duplicates; `nil` for none.
    var uniqueList: Batch.ID?
    /// Hashes of requests that this process has added to the set of late, for as long as it has the
    /// right to add to it.
    var recentHashes: Set<RequestHash> = []
    /// The number of hashes that this process has added since the last run was made of them.
    var foundHashes = 0
    /// Whether the queue is known to have the table of validators.
    var knowsValidatorTable = false
    var validatorPages = ValidatorPages()
    var codes = CodeBook()
    /// The time that a transaction takes, before its commit, to put failed jobs back: a runner's
    /// commits wait for it, 50 ms at most.
    var putBackMax = Duration.milliseconds(20)
    /// The clock by which retries are due, in Unix time in µs.
    let unixMicros: @Sendable () -> Int

    nonisolated public var allowsManyRunners: Bool { false }
    nonisolated public var countsInterval: Duration { .zero }

    /// Opens the queue at `path`. Blocks for a few milliseconds, or up to 10 s while the queue is
    /// locked.
    ///
    /// - Throws: `.missing`, `.notAQueue`, `.newer`, `.damaged`, `.unreadable`, `.readOnly`,
    ///   `.busy`, `.inUse`, `.full`, `.io`. The file is then as it was before, and at most a lock
    ///   file beside it is new.
    public init(path: String, access: Access) throws(QueueError) {
        try self.init(path: path, access: access, unixMicros: SystemClock.unixMicros)
    }

    /// - Parameter unixMicros: The clock by which retries are due, in Unix time in µs.
    package init(
        path: String, access: Access, unixMicros: @escaping @Sendable () -> Int
    ) throws(QueueError) {
        let file = try QueueFile(path: path)
        let lock = try file.openLock(access)
        var isNew = false
        if file.state == .missing {
            guard access == .create else {
                throw QueueError(
                    .missing, "there is no queue at \(path)", remedy: .makeQueue(path: path))
            }
            isNew = true
            try file.create(under: lock!)
        }
        do {
            let connection = try Self.connect(file, access)
            try Self.check(connection, path: path)
            if access != .read {
                guard try connection.text("PRAGMA journal_mode = WAL") == "wal" else {
                    throw QueueError(
                        .readOnly,
                        "the file system of \(path) does not allow a write-ahead log; put the queue on a local disk"
                    )
                }
                try connection.execute(
                    "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216")
                if !isNew { try Migrator.migrate(connection, under: lock!, path: path) }
            }
            // Last, since what throws leaves no thread behind.
            thread = BlockingThread()
            if let number = thread.startFailure {
                throw QueueError(
                    .io,
                    "this system gives no thread for the queue (\(String(cString: strerror(number))))",
                    remedy: .allowThreads)
            }
            self.connection = connection
        } catch let error as SQLiteError {
            throw error.queueError(at: path)
        } catch let error as QueueError {
            throw error
        } catch {
            throw QueueError(.io, "the queue \(path) cannot be opened: \(error)")
        }
        self.path = path
        self.lock = lock
        self.unixMicros = unixMicros
        lockPath = file.lockPath
        fileID = file.id ?? QueueFile.beginLook(at: file.resolved)
    }

    deinit { thread.stop() }

    public func close() {
        // The last connection checkpoints and removes the WAL: a write like any other.
        let isOurs = (try? lock?.takeToWrite(path)) != nil
        connection.close()
        if let fileID { QueueFile.endLook(at: fileID) }
        fileID = nil
        if isOurs { lock?.release(.write) }
        // Not left to `deinit`: our thread may hold us for a moment after this has returned.
        lock?.release(.run)
        for id in addedLists { endAdding(id) }
    }

    private static func connect(
        _ file: QueueFile, _ access: Access
    ) throws(SQLiteError) -> Connection {
        do {
            let connection = try Connection(path: file.resolved, readOnly: access == .read)
            _ = try connection.int("PRAGMA schema_version")
            return connection
        } catch  where access == .read && error.code.isUnopenable && !file.hasLog {
            // In a folder we may not write, SQLite cannot make the WAL's index. A queue that was
            // closed needs none.
            return try Connection(path: file.resolved, readOnly: true, isImmutable: true)
        }
    }

    private static func check(_ connection: borrowing Connection, path: String) throws {
        guard try connection.int("PRAGMA application_id") == QueueFile.applicationID else {
            throw QueueFile.foreign(path)
        }
        let version = try connection.int("PRAGMA user_version") ?? 0
        guard version <= Migrator.latest else {
            throw QueueError(
                .newer,
                "the queue \(path) was written by a newer runner (schema \(version), this one knows \(Migrator.latest))",
                remedy: .upgrade)
        }
    }

    // MARK: - Transactions

    /// Runs `body` in one short write transaction: either all of it happens or nothing.
    func write<Result>(_ body: () throws -> Result) throws(QueueError) -> Result {
        guard try lock?.takeToWrite(path) != nil else {
            throw QueueError(.readOnly, "the queue \(path) was opened for looking only")
        }
        defer { lock?.release(.write) }
        do {
            // > A deferred transaction that upgrades can fail with SQLITE_BUSY_SNAPSHOT whatever
            // > the busy timeout. <https://www.sqlite.org/lang_transaction.html>
            try connection.run("BEGIN IMMEDIATE")
            do {
                if connection.hasMoved {
                    throw SQLiteError(code: .readOnlyMoved, message: "moved", sql: "")
                }
                try checkNotSplit()
                let result = try body()
                try connection.run("COMMIT")
                return result
            } catch {
                // After some errors SQLite has rolled back itself; then this one says so.
                try? connection.execute("ROLLBACK")
                codes.forget()
                throw error
            }
        } catch {
            throw queueError(error)
        }
    }

    /// Runs `body` on one snapshot of the queue.
    func read<Result>(_ body: () throws -> Result) throws(QueueError) -> Result {
        do {
            try connection.run("BEGIN")
            defer { _ = try? connection.run("COMMIT") }
            return try body()
        } catch {
            throw queueError(error)
        }
    }

    private func queueError(_ error: any Error) -> QueueError {
        switch error {
        case let error as QueueError: error
        case let error as SQLiteError: error.queueError(at: path)
        default: QueueError(.io, "the queue \(path) gave an error: \(error)")
        }
    }
}
