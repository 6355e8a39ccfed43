internal import CSQLite

/// A value bound to a statement.
enum Value {
    case int(Int)
    case real(Double)
    case text(String)
    case blob([UInt8])
    case null
}

/// Owns one SQLite connection. Used by one thread only: the owner's.
struct Connection: ~Copyable {
    private var open: OpaquePointer?
    private let cache = StatementCache()

    /// - Parameters:
    ///   - readOnly: Whether the connection never writes and never checkpoints.
    ///   - isImmutable: Whether nobody else has the file open or may change it; the connection then
    ///     needs no index of the WAL.
    init(path: String, readOnly: Bool, isImmutable: Bool = false) throws(SQLiteError) {
        var handle: OpaquePointer?
        // Without OPEN_URI unless the URI is ours: a file may be called `file:x?y`. NOMUTEX: one
        // thread owns it.
        let flags =
            (readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX
            | (isImmutable ? SQLITE_OPEN_URI : 0)
        let name = isImmutable ? Self.immutableURI(path) : path
        let result = sqlite3_open_v2(name, &handle, flags, nil)
        guard result == SQLITE_OK, let handle else {
            let error = SQLiteError(
                code: ResultCode(rawValue: result),
                message: String(cString: sqlite3_errstr(result)), sql: "")
            sqlite3_close_v2(handle)
            throw error
        }
        open = handle
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 10_000)
        if readOnly {
            _ = sqlite_config_int(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        }
        _ = sqlite_config_int(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        try execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;")
    }

    deinit {
        cache.close()
        sqlite3_close_v2(open)
    }

    /// Closes the connection now; no method may be called afterwards.
    mutating func close() {
        cache.close()
        sqlite3_close_v2(open)
        open = nil
    }

    private var handle: OpaquePointer {
        guard let open else { preconditionFailure("a closed queue was used") }
        return open
    }

    /// The URI that opens the file at `path` as one that never changes.
    ///
    /// > The path is percent-decoded, and ends at the first `?` or `#`.
    /// <https://www.sqlite.org/uri.html>
    private static func immutableURI(_ path: String) -> String {
        var uri = "file:"
        for character in path {
            switch character {
            case "%": uri += "%25"
            case "?": uri += "%3f"
            case "#": uri += "%23"
            default: uri.append(character)
            }
        }
        return uri + "?immutable=1"
    }

    /// Whether the file was renamed or removed since it was opened. In WAL mode SQLite does not
    /// check this, and would go on writing to a log that nobody will find.
    var hasMoved: Bool {
        var moved: Int32 = 0
        let result = sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
        return result == SQLITE_OK && moved != 0
    }

    /// Runs statements that return no rows.
    func execute(_ sql: String) throws(SQLiteError) {
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw error(result, sql) }
    }

    func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        if let known = cache.take(sql) { return Statement(known, sql, from: cache) }
        var statement: OpaquePointer?
        let result = sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard result == SQLITE_OK, let statement else { throw error(result, sql) }
        return Statement(statement, sql, from: cache)
    }

    /// Runs one statement that returns no rows.
    ///
    /// - Returns: The number of rows that the statement changed.
    @discardableResult
    func run(_ sql: String, _ values: Value...) throws(SQLiteError) -> Int {
        let statement = try prepare(sql)
        try statement.bind(values)
        while try statement.step() {}
        return changes
    }

    /// Returns the first column of the first row; `nil` when there is no row or the column is NULL.
    func int(_ sql: String, _ values: Value...) throws(SQLiteError) -> Int? {
        let statement = try prepare(sql)
        try statement.bind(values)
        guard try statement.step(), !statement.isNull(0) else { return nil }
        return statement.int(0)
    }

    /// Returns the first column of the first row as text; empty when there is no row or the column
    /// is NULL.
    func text(_ sql: String, _ values: Value...) throws(SQLiteError) -> String {
        let statement = try prepare(sql)
        try statement.bind(values)
        return try statement.step() ? statement.text(0) : ""
    }

    /// The number of rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes64(handle)) }

    var lastInsertID: Int { Int(sqlite3_last_insert_rowid(handle)) }

    private func error(_ result: Int32, _ sql: String) -> SQLiteError {
        SQLiteError(
            code: ResultCode(rawValue: result), message: String(cString: sqlite3_errmsg(handle)),
            sql: sql)
    }
}
