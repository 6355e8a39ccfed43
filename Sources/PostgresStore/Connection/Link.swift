internal import CPostgres
internal import Glibc
internal import JobStore

/// A connection to a database, made when it is needed and made anew after it broke. All calls
/// block, with a deadline each; one thread at a time uses a link.
///
/// No statement is prepared by name and no state of a session is used: a pooler may give each
/// transaction another session.
final class Link {
    let address: ServerAddress
    private var connection: OpaquePointer?
    /// The connections in a row that could not be made, or that broke before anything succeeded.
    private var failures = 0
    /// The time on the monotonic clock, in µs, since which answers have come without a break; `nil`
    /// without a connection.
    private(set) var connectedSinceMicros: Int?
    private var isClosed = false
    /// Whether a transaction is under way: what belongs to it must not go by another connection.
    private var isInTransaction = false

    /// The longest time in µs that an answer may take: more than a server lets a statement of ours
    /// take (`begin`).
    private static let answerMicrosMax = 20_000_000

    init(_ address: ServerAddress) { self.address = address }

    deinit { PQfinish(connection) }

    /// Closes the link for good.
    func close() {
        isClosed = true
        disconnect()
    }

    /// Drops the connection; the next statement makes another.
    func disconnect() {
        PQfinish(connection)
        connection = nil
        connectedSinceMicros = nil
    }

    // MARK: - Statements

    /// Sends one statement, and waits for its rows.
    @discardableResult
    func query(_ sql: String, _ values: Value...) throws(PostgresError) -> Rows {
        try query(sql, values)
    }

    @discardableResult
    func query(_ sql: String, _ values: [Value]) throws(PostgresError) -> Rows {
        try connect()
        let encoded = values.map(\.encoded)
        let isSent = Self.withPointers(to: encoded) { pointers in
            PQsendQueryParams(
                connection, sql, Int32(values.count), nil, pointers,
                encoded.map { Int32($0?.count ?? 0) }, values.map { $0.isBinary ? 1 : 0 }, 0) == 1
        }
        guard isSent else { throw lost() }
        return try answer()
    }

    /// Sends statements without parameters, which are one transaction unless they say otherwise.
    @discardableResult
    func script(_ sql: String) throws(PostgresError) -> Rows {
        try connect()
        guard PQsendQuery(connection, sql) == 1 else { throw lost() }
        return try answer()
    }

    /// Runs `body` in a transaction: either all of it happens or nothing.
    ///
    /// - Throws: The error of `body`; a `PostgresError` of kind `.lost` when it is not known whether
    ///   the transaction was committed.
    func transaction<Result>(
        _ kind: TransactionKind = .writing, _ body: () throws -> Result
    ) throws -> Result {
        try script(kind.begin)
        isInTransaction = true
        defer { isInTransaction = false }
        do {
            let result = try body()
            // Where a statement had failed, the server answers COMMIT with a rollback.
            guard try script("COMMIT").tag == "COMMIT" else {
                throw PostgresError(
                    kind: .refused("25P02"), message: "a statement of a transaction failed")
            }
            return result
        } catch {
            // After a broken connection there is nothing to roll back.
            if connection != nil { _ = try? script("ROLLBACK") }
            throw error
        }
    }

    enum TransactionKind {
        /// Each statement sees what was committed before it: after waiting for a lock, the next one
        /// sees what its holder did.
        case writing
        /// One snapshot, which is not written to.
        case reading

        /// Nobody waits long for a lock, and a client that is gone keeps its locks for no longer
        /// than a lease. With the transaction, so that it holds with a pooler, too. No statement of ours
        /// takes so long that compiling it would pay.
        fileprivate var begin: String {
            let limits = """
                SET LOCAL statement_timeout = '15s'; SET LOCAL lock_timeout = '5s';
                SET LOCAL idle_in_transaction_session_timeout = '15s'; SET LOCAL jit = off
                """
            return switch self {
            case .writing: "BEGIN ISOLATION LEVEL READ COMMITTED; \(limits)"
            case .reading: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \(limits)"
            }
        }
    }

    private static func withPointers<Result>(
        to values: [[UInt8]?], _ body: ([UnsafePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = values.map { value -> UnsafeMutablePointer<CChar>? in
            guard let value else { return nil }
            // With a zero behind it, which ends a text.
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: value.count + 1)
            for index in value.indices { copy[index] = CChar(bitPattern: value[index]) }
            copy[value.count] = 0
            return copy
        }
        defer { for copy in copies { copy?.deallocate() } }
        return body(copies.map { $0.map { UnsafePointer($0) } })
    }

    // MARK: - Answers

    private func answer() throws(PostgresError) -> Rows {
        let deadline = SystemClock.monotonicMicros() + Self.answerMicrosMax
        var last: Rows?
        var refusal: PostgresError?
        while true {
            try waitUntilReadable(deadline)
            guard let result = PQgetResult(connection) else { break }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK: last = Rows(result)
            case _:
                refusal = refusal ?? Self.refusal(result)
                PQclear(result)
            }
        }
        if let refusal {
            if PQstatus(connection) == CONNECTION_BAD || refusal.endsConnection {
                let text = refusal.message
                dropped()
                // What a server says last before it goes does not tell what became of a COMMIT.
                throw PostgresError(kind: .lost, message: text)
            }
            throw refusal
        }
        guard let last else { throw lost() }
        failures = 0
        return last
    }

    private func waitUntilReadable(_ deadline: Int) throws(PostgresError) {
        while true {
            let flushed = PQflush(connection)
            guard flushed >= 0 else { throw lost() }
            if flushed == 0, PQisBusy(connection) == 0 { return }
            let leftMicros = deadline - SystemClock.monotonicMicros()
            guard leftMicros > 0 else {
                dropped()
                throw PostgresError(kind: .lost, message: "no answer came within 20 s")
            }
            wait(writes: flushed == 1, micros: leftMicros)
            guard PQconsumeInput(connection) == 1 else { throw lost() }
        }
    }

    private func wait(writes: Bool, micros: Int) {
        let events = Int16(POLLIN) | (writes ? Int16(POLLOUT) : 0)
        var socket = pollfd(fd: PQsocket(connection), events: events, revents: 0)
        // Interrupted or not: the caller looks again.
        _ = poll(&socket, 1, Int32(micros / 1000 + 1))
    }

    private static func refusal(_ result: OpaquePointer) -> PostgresError {
        func field(_ code: Int32) -> String? {
            PQresultErrorField(result, code).map { String(cString: $0) }
        }
        // PG_DIAG_SQLSTATE and PG_DIAG_MESSAGE_PRIMARY, which are characters in C.
        let state = field(Int32(UInt8(ascii: "C")))
        let text = field(Int32(UInt8(ascii: "M"))) ?? String(cString: PQresultErrorMessage(result))
        // Without a state it is libpq that speaks: the connection broke.
        return PostgresError(kind: state.map { .refused($0) } ?? .lost, message: oneLine(text))
    }

    private func lost() -> PostgresError {
        let text = Self.oneLine(connection.map { String(cString: PQerrorMessage($0)) } ?? "")
        dropped()
        return PostgresError(kind: .lost, message: text.isEmpty ? "the connection broke" : text)
    }

    private func dropped() {
        failures += 1
        disconnect()
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: ", ")
            .split { $0 == "\t" || $0 == " " }.joined(separator: " ")
    }

    // MARK: - Connecting

    private func connect() throws(PostgresError) {
        guard !isClosed else {
            throw PostgresError(kind: .unconnected, message: "the queue was closed")
        }
        if connection != nil { return }
        guard !isInTransaction else {
            throw PostgresError(kind: .lost, message: "the connection broke")
        }
        pause()
        do throws(PostgresError) {
            try open()
        } catch {
            failures += 1
            disconnect()
            throw error
        }
        connectedSinceMicros = SystemClock.monotonicMicros()
    }

    /// Connects to the first of the URL's hosts that answers and may be written to. Each has the
    /// time that `connect_timeout` says.
    private func open() throws(PostgresError) {
        let names = address.options.map { Array($0.name.utf8) }
        let values = address.options.map { Array($0.value.utf8) }
        connection = Self.withPointers(to: names) { names in
            // The lists end with NULL.
            Self.withPointers(to: values) { PQconnectdbParams(names + [nil], $0 + [nil], 0) }
        }
        guard let connection, PQstatus(connection) == CONNECTION_OK else {
            let text = Self.oneLine(connection.map { String(cString: PQerrorMessage($0)) } ?? "")
            throw PostgresError(kind: .unconnected, message: text.isEmpty ? "no memory" : text)
        }
        // Notices go to the standard error stream otherwise.
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        guard PQsetnonblocking(connection, 1) == 0 else { throw lost() }
    }

    /// Waits before a connection is made anew, at random, so that clients that lost theirs together
    /// do not come back together. The pause is 50 ms at most after the first failure, then twice as
    /// long each time, up to 2 s. Connections count that were made and broke before they were of
    /// use.
    private func pause() {
        guard failures > 0 else { return }
        let microsMax = min(50_000 << min(failures - 1, 10), 2_000_000)
        usleep(UInt32.random(in: 0...UInt32(microsMax)))
    }
}
