internal import CSQLite

/// A result code of SQLite; a code that this program does not know is kept as it is.
struct ResultCode: RawRepresentable, Hashable, Sendable {
    let rawValue: Int32

    /// The code without its extension in the upper bytes.
    var primary: Int32 { rawValue & 0xFF }

    /// Whether the file, or a file that must lie beside it, cannot be opened.
    var isUnopenable: Bool { primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY }

    /// SQLITE_READONLY_DBMOVED, a macro Swift does not import.
    static let readOnlyMoved = ResultCode(rawValue: SQLITE_READONLY | (4 << 8))
    /// SQLITE_IOERR_SHMSIZE: the WAL's index beside the file could not be made larger.
    static let noRoomForSharedMemory = ResultCode(rawValue: SQLITE_IOERR | (19 << 8))
}
