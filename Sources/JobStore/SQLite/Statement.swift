internal import CSQLite

/// Prepared statements that are not in use, kept for the next use of the same SQL. A commit runs a
/// handful of statements, and preparing one costs as much as running it.
final class StatementCache {
    private var idle: [String: OpaquePointer] = [:]
    private var isClosed = false

    func take(_ sql: String) -> OpaquePointer? { idle.removeValue(forKey: sql) }

    /// Resets a statement and keeps it.
    func giveBack(_ handle: OpaquePointer, _ sql: String) {
        // A second one of the same, in use at the same time, is not worth keeping.
        guard !isClosed, idle[sql] == nil else {
            sqlite3_finalize(handle)
            return
        }
        sqlite3_reset(handle)  // tells the last step's error once more; it was thrown
        sqlite3_clear_bindings(handle)
        idle[sql] = handle
    }

    /// Finalizes all statements. This must come before the connection is closed, which open
    /// statements would keep alive.
    func close() {
        isClosed = true
        for handle in idle.values { sqlite3_finalize(handle) }
        idle = [:]
    }
}

/// The sole owner of one prepared statement. It never outlives the call of the queue that prepared
/// it.
struct Statement: ~Copyable {
    private let handle: OpaquePointer
    private let sql: String
    private let cache: StatementCache

    init(_ handle: OpaquePointer, _ sql: String, from cache: StatementCache) {
        self.handle = handle
        self.sql = sql
        self.cache = cache
    }

    deinit { cache.giveBack(handle, sql) }

    /// Resets the statement and binds `values` to its parameters, in order.
    borrowing func bind(_ values: [Value]) throws(SQLiteError) {
        sqlite3_reset(handle)
        for (index, value) in values.enumerated() {
            let parameter = Int32(index + 1)
            let result =
                switch value {
                case .int(let value): sqlite3_bind_int64(handle, parameter, Int64(value))
                case .real(let value): sqlite3_bind_double(handle, parameter, value)
                case .text(let text): sqlite_bind_text_copied(handle, parameter, text, -1)
                case .blob(let bytes):
                    sqlite_bind_blob_copied(handle, parameter, bytes, Int32(bytes.count))
                case .null: sqlite3_bind_null(handle, parameter)
                }
            guard result == SQLITE_OK else { throw error(result) }
        }
    }

    /// Binds `values`, runs the statement to its end and ignores its rows.
    borrowing func run(_ values: Value...) throws(SQLiteError) {
        try bind(values)
        while try step() {}
    }

    /// - Returns: Whether there is a row to read.
    borrowing func step() throws(SQLiteError) -> Bool {
        let result = sqlite3_step(handle)
        switch result {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = error(result)
            sqlite3_reset(handle)
            throw error
        }
    }

    borrowing func int(_ column: Int32) -> Int { Int(sqlite3_column_int64(handle, column)) }

    /// Returns the integer in a column; `nil` when the column holds something else, as only a
    /// damaged table does.
    borrowing func number(_ column: Int32) -> Int? {
        sqlite3_column_type(handle, column) == SQLITE_INTEGER ? int(column) : nil
    }

    borrowing func real(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

    borrowing func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    var columnCount: Int32 { sqlite3_column_count(handle) }

    /// Returns whatever is in a column.
    borrowing func value(_ column: Int32) -> Value {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: .int(int(column))
        case SQLITE_FLOAT: .real(real(column))
        case SQLITE_TEXT: .text(text(column))
        case SQLITE_BLOB: .blob(blob(column))
        default: .null
        }
    }

    borrowing func text(_ column: Int32) -> String {
        sqlite3_column_text(handle, column).map { String(cString: $0) } ?? ""
    }

    borrowing func byteCount(_ column: Int32) -> Int { Int(sqlite3_column_bytes(handle, column)) }

    borrowing func blob(_ column: Int32) -> [UInt8] {
        let count = byteCount(column)
        guard count > 0, let bytes = sqlite3_column_blob(handle, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }

    private borrowing func error(_ result: Int32) -> SQLiteError {
        SQLiteError(
            code: ResultCode(rawValue: result),
            message: String(cString: sqlite3_errmsg(sqlite3_db_handle(handle))),
            sql: String(cString: sqlite3_sql(handle)))
    }
}
