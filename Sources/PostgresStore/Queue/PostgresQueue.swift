internal import Glibc
public import JobStore

/// A queue in a PostgreSQL database, which runners on many machines may work on.
///
/// The marks of runners go to a log, a row a commit, and from there into segments now and then
/// (`PostgresLease`). All else is here, on a connection and a thread of its own, so that a claim that
/// waits in a network holds no commit up.
///
/// A database holds one queue, in its schema `runner`.
public actor PostgresQueue: JobQueue {
    /// The purpose a queue is opened for.
    public enum Access: Sendable {
        /// Reading: never writes.
        case read
        /// Working on a queue that must exist.
        case write
        /// Adding to a queue, which is made if missing.
        case create
    }

    /// The URL without a password, for messages.
    nonisolated public let name: String
    nonisolated let address: ServerAddress
    nonisolated let clock: StoreClock
    nonisolated let thread: BlockingThread
    nonisolated public var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    let link: Link
    let access: Access
    var codes = CodeBook()
    /// The batches read last: they do not change but for being cancelled, which is not read with
    /// them.
    var batches: [Batch.ID: Batch] = [:]
    /// The locks of the runners that this connection has attached, which show that they live.
    var locks: [Int: RunnerLock] = [:]
    /// The same of the lists that this connection adds.
    var importLocks: [String: RunnerLock] = [:]
    /// The runners that this connection has attached and that have not ended.
    var attached: Set<Int> = []
    var watch = RunnerWatch()
    /// The transactions that have put jobs back for the call of this process that forgets sites.
    var forgettingSteps = (token: "", count: 0)
    /// The time on the monotonic clock, in µs, from which on a runner that finds nothing looks for
    /// others that are gone.
    var nextWatchMicros = 0
    /// The time on the monotonic clock, in µs, from which on a runner looks at the processes of others.
    var nextGoneLookMicros = 0
    /// The runners of the queue when they were last looked at.
    var runnersSeen = 1
    var meltPlace = MeltPlace()
    /// The time on the monotonic clock, in µs, when a runner that watches has spans melted next.
    var nextMeltMicros = 0

    nonisolated public var allowsManyRunners: Bool { true }
    nonisolated public var countsInterval: Duration { .seconds(30) }

    /// Returns the URL as people may see it, without its password.
    ///
    /// - Throws: `.notAQueue` when PostgreSQL does not understand the URL.
    public static func shown(_ url: String) throws(QueueError) -> String {
        try ServerAddress(url: url).shown
    }

    /// Whether the URL itself holds a password.
    public static func hasPassword(_ url: String) throws(QueueError) -> Bool {
        try ServerAddress(url: url).hasPassword
    }

    /// Connects to a queue. Blocks while it does: for 5 s a host, unless the URL says otherwise.
    ///
    /// - Throws: `.unreachable` when no host answers or lets this user in; `.notAQueue`,
    ///   `.missing`, `.newer`, `.readOnly`. `.unsupported` when the server may forget what it has
    ///   confirmed (`synchronous_commit` or `fsync` is off), or its statements do not see what was
    ///   committed before them (`default_transaction_isolation`).
    public init(url: String, access: Access) throws(QueueError) {
        try self.init(url: url, access: access, clock: nil)
    }

    /// - Parameter clock: A clock in place of the server's, in Unix time in µs.
    package init(
        url: String, access: Access, clock: (@Sendable () -> Int)?
    ) throws(QueueError) {
        let address = try ServerAddress(url: url)
        let link = Link(address)
        do {
            try Self.repeated { try Self.check(link, address.shown, access) }
        } catch {
            throw Self.queueError(error, at: address.shown)
        }
        // Last, since what throws leaves no thread behind.
        thread = BlockingThread()
        if let number = thread.startFailure {
            throw QueueError(
                .io,
                "this system gives no thread for the queue (\(String(cString: strerror(number))))",
                remedy: .allowThreads)
        }
        name = address.shown
        self.address = address
        self.link = link
        self.access = access
        self.clock = StoreClock(fixed: clock)
    }

    deinit { thread.stop() }

    public func close() {
        locks.removeAll()
        importLocks.removeAll()
        attached.removeAll()
        link.close()
    }

    private static func check(_ link: Link, _ name: String, _ access: Access) throws {
        if access == .read {
            return try Migrator.migrate(link, named: name, makesMissing: false)
        }
        let settings = try link.query(
            """
            SELECT current_setting('synchronous_commit'), current_setting('fsync'),
                current_setting('default_transaction_isolation')
            """)
        for (column, setting) in ["synchronous_commit", "fsync"].enumerated()
        where settings.text(0, column) == "off" {
            throw QueueError(
                .unsupported,
                "the server of the queue \(name) has \(setting) off and may forget what it has confirmed; set it to on, for example with ALTER DATABASE … SET \(setting) = on"
            )
        }
        // A commit is a statement outside of a transaction. It is not set for the session, which a
        // pooler may give to others.
        let isolation = settings.text(0, 2)
        guard ["read committed", "read uncommitted"].contains(isolation) else {
            throw QueueError(
                .unsupported,
                "the server of the queue \(name) has default_transaction_isolation at \(isolation), by which a commit may miss what others did while it waited for them; set it to 'read committed', for example with ALTER DATABASE … SET default_transaction_isolation = 'read committed'"
            )
        }
        try Migrator.migrate(link, named: name, makesMissing: access == .create)
    }

    // MARK: - Transactions

    /// The longest time in µs for which a look is repeated whose connection broke.
    private static let lookMicrosMax = 5_000_000

    /// Runs `body`, and again where its connection broke, for some seconds. A server that cannot be
    /// reached to begin with is not waited for: the caller knows how long to.
    private static func repeated<Result>(_ body: () throws -> Result) throws -> Result {
        var givesUpMicros: Int?
        while true {
            do { return try body() } catch let error as PostgresError where error.endsConnection {
                let now = SystemClock.monotonicMicros()
                if givesUpMicros == nil, error.kind != .unconnected {
                    givesUpMicros = now + lookMicrosMax
                }
                // A link that broke waits by itself.
                guard let end = givesUpMicros, now < end else { throw error }
            }
        }
    }

    /// Runs `body`, which asks by single statements that may be repeated.
    func ask<Result>(_ body: () throws -> Result) throws(QueueError) -> Result {
        do { return try Self.repeated(body) } catch { throw Self.queueError(error, at: name) }
    }

    /// Runs `body` on one snapshot of the queue.
    func read<Result>(_ body: () throws -> Result) throws(QueueError) -> Result {
        try ask { try link.transaction(.reading, body) }
    }

    /// Runs `body` in one transaction: either all of it happens or nothing. When it throws
    /// `.unreachable`, it may have happened.
    @discardableResult
    func write<Result>(_ body: () throws -> Result) throws(QueueError) -> Result {
        try checkMayWrite()
        do { return try link.transaction(.writing, body) } catch {
            throw Self.queueError(error, at: name)
        }
    }

    /// Runs `body` as `write` does, and again where its connection broke: it does the same, however
    /// often it is run.
    func rewrite(_ body: () throws -> Void) throws(QueueError) {
        try checkMayWrite()
        try ask { try link.transaction(.writing, body) }
    }

    /// The longest time in µs for which a change is tried again.
    private static let changeMicrosMax = 30_000_000

    /// Runs `body` as `write` does, alone among all that add, cancel or put back jobs or take over a
    /// runner's. It is run again where transactions met, and where it is not known what became of
    /// it: what `body` does must find what it has done before.
    @discardableResult
    func change<Result>(_ body: () throws -> Result) throws(QueueError) -> Result {
        try repeated { () throws(QueueError) in
            try write {
                try link.query("SELECT FROM runner.control FOR UPDATE")
                return try body()
            }
        }
    }

    /// Runs `body` again where transactions met, and where it is not known what became of it, for
    /// half a minute.
    func repeated<Result>(
        _ body: () throws(QueueError) -> Result
    ) throws(QueueError) -> Result {
        let end = SystemClock.monotonicMicros() + Self.changeMicrosMax
        var tries = 0
        while true {
            do throws(QueueError) {
                return try body()
            } catch {
                guard error.code == .busy || error.code == .unreachable,
                    SystemClock.monotonicMicros() < end
                else { throw error }
                tries += 1
                // A link that broke waits by itself.
                usleep(UInt32.random(in: 0...UInt32(10_000 << min(tries, 6))))
            }
        }
    }

    private func checkMayWrite() throws(QueueError) {
        guard access != .read else {
            throw QueueError(.readOnly, "the queue \(name) was opened for looking only")
        }
    }

    static func queueError(_ error: any Error, at name: String) -> QueueError {
        switch error {
        case let error as QueueError: error
        case let error as PostgresError: error.queueError(at: name)
        case is HeldSegment.Misfit, is ByteReader.Malformed:
            QueueError(
                .damaged,
                "the queue \(name) is damaged: a commit does not fit its segment; restore a copy")
        default: QueueError(.io, "the queue \(name) gave an error: \(error)")
        }
    }

    /// Makes the error for a queue that contradicts itself.
    nonisolated func damaged(_ what: String) -> QueueError {
        QueueError(.damaged, "the queue \(name) is damaged: \(what); restore a copy")
    }

    nonisolated func fenced(_ why: String) -> QueueError {
        QueueError(
            .fenced,
            "the queue \(name) takes nothing more of this runner: \(why). Nothing is lost"
        )
    }

    /// The error for a runner whose server lacks what it had confirmed.
    nonisolated var forgotten: QueueError {
        fenced(
            "the server no longer has what it had confirmed; it was replaced by a standby that had not received all"
        )
    }

    /// The error for a runner whose server has an older queue now, or none.
    nonisolated var replaced: QueueError {
        fenced(
            "the server has an older queue than before, or none; it was replaced by a standby or a copy"
        )
    }

    /// Makes the error for what queues of this kind do not do.
    nonisolated func unsupported(_ what: String) -> QueueError {
        QueueError(.unsupported, "a queue in PostgreSQL does not \(what); \(Self.insteadOfIt)")
    }

    private static let insteadOfIt = "keep these jobs in a queue in a file"
}
