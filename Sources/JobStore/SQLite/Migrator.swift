internal import Migrations

/// Brings a queue file to the latest schema, each version in one transaction.
enum Migrator {
    /// The version of the schema that this program knows.
    static var latest: Int { Schema.scripts.count }

    /// Makes a queue of the empty file at `path`; the file is complete and synced when this method
    /// returns.
    static func create(at path: String) throws(SQLiteError) {
        var connection = try Connection(path: path, readOnly: false)
        try makeTables(connection)
        // Kept in the file's header from now on.
        try connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    }

    /// Makes a queue of an empty file, but for the mode of its journal.
    static func makeTables(_ connection: borrowing Connection) throws(SQLiteError) {
        try connection.execute("PRAGMA application_id = \(QueueFile.applicationID)")
        try migrate(connection)
    }

    /// Makes the tables of queues that were split, that are shards, or that were merged, where they
    /// are missing.
    static func makeShardTables(_ connection: borrowing Connection) throws(SQLiteError) {
        try connection.execute(String(decoding: Schema.shardTables, as: UTF8.self))
    }

    /// Makes what queues have of which a run has followed what responses lead to, where it is missing.
    static func makeFoundTables(_ connection: borrowing Connection) throws(SQLiteError) {
        try connection.execute(String(decoding: Schema.foundTables, as: UTF8.self))
    }

    /// Makes what queues have of which a run has kept validators, where it is missing.
    static func makeValidatorTables(_ connection: borrowing Connection) throws(SQLiteError) {
        try connection.execute(String(decoding: Schema.validatorTables, as: UTF8.self))
    }

    /// Migrates an older queue. A kill between two versions leaves the queue whole, at the first of
    /// them.
    static func migrate(
        _ connection: borrowing Connection, under lock: borrowing LockFile, path: String
    ) throws {
        guard try connection.int("PRAGMA user_version") ?? 0 < latest else { return }
        // An older runner would go on by the schema it knows.
        guard lock.isTaken(.run) != true else {
            throw QueueError(
                .inUse, "an older runner works on the queue \(path); wait for it, then try again")
        }
        try lock.takeToWrite(path)
        defer { lock.release(.write) }
        try migrate(connection)
    }

    private static func migrate(_ connection: borrowing Connection) throws(SQLiteError) {
        let version = try connection.int("PRAGMA user_version") ?? 0
        for (index, script) in Schema.scripts.enumerated().dropFirst(version) {
            try connection.execute("BEGIN IMMEDIATE")
            do {
                try connection.execute(String(decoding: script, as: UTF8.self))
                try connection.execute("PRAGMA user_version = \(index + 1)")
                try connection.execute("COMMIT")
            } catch {
                try? connection.execute("ROLLBACK")
                throw error
            }
        }
    }
}
