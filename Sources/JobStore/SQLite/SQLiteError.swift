internal import CSQLite

/// A failed call of SQLite: its code, its message and the statement.
struct SQLiteError: Error, CustomStringConvertible {
    let code: ResultCode
    let message: String
    let sql: String

    var description: String {
        sql.isEmpty ? "\(message) (\(code.rawValue))" : "\(message) (\(code.rawValue)) in: \(sql)"
    }

    /// Translates the error into one of the queue at `path`; each code has one defined result.
    func queueError(at path: String) -> QueueError {
        switch code.primary {
        case _ where code.primary == SQLITE_FULL || code == .noRoomForSharedMemory:
            QueueError(
                .full,
                "no space left for the queue \(path); make room and try again: nothing committed is lost"
            )
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            QueueError(
                .damaged,
                "the queue \(path) is damaged (\(message))",
                remedy: .restoreCopy(orRecover: path))
        case SQLITE_READONLY where code == .readOnlyMoved:
            QueueError(
                .io,
                "the queue \(path) was moved or removed while in use; put it back and run again")
        case SQLITE_READONLY, SQLITE_PERM:
            QueueError(
                .readOnly,
                "the queue \(path) cannot be written; check the permissions of the file, of \(path)-wal and \(path)-shm where these are, and of the folder"
            )
        case SQLITE_CANTOPEN, SQLITE_AUTH:
            QueueError(
                .unreadable,
                "the queue \(path) cannot be opened (\(message)); check the permissions of the file and its folder"
            )
        case SQLITE_BUSY, SQLITE_LOCKED:
            QueueError(
                .busy, "another program keeps the queue \(path) locked; close it and try again")
        case SQLITE_IOERR, SQLITE_NOMEM:
            QueueError(
                .io,
                "reading or writing the queue \(path) failed (\(message)); what was committed is safe: check the disk and run again"
            )
        default:
            QueueError(.io, "the queue \(path) gave an error: \(self)")
        }
    }
}
