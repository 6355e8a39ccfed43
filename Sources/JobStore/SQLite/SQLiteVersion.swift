internal import CSQLite

/// The version of SQLite that a program runs with, which need not be the one it was built with.
public struct SQLiteVersion: Sendable, CustomStringConvertible {
    /// The number as SQLite counts: 3,040,001 is 3.40.1.
    let number: Int32
    let text: String

    /// The version of SQLite that this process has loaded.
    public static var loaded: SQLiteVersion {
        SQLiteVersion(
            number: sqlite3_libversion_number(), text: String(cString: sqlite3_libversion()))
    }

    /// Text such as `SQLite 3.40.1`.
    public var description: String { "SQLite \(text)" }

    /// Faults of this version that can harm a queue, a line each. A distribution may have cured a
    /// fault without another version number.
    ///
    /// - SeeAlso: <https://www.sqlite.org/wal.html#walresetbug>
    public var knownFaults: [String] {
        guard number < 3_051_003 else { return [] }
        return [
            "two connections, one of which checkpoints, can corrupt a queue (guarded against)"
        ]
    }
}
