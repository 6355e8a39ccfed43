internal import JobStore

/// Brings the schema of a queue to the version that this program knows.
///
/// A file, once released, is never edited: a change is a new file, named in Package.swift, and one
/// more line here.
enum Migrator {
    /// SQL scripts by rising version; the script at index *i* leads from version *i* to *i* + 1.
    private static var scripts: [[UInt8]] {
        [
            PackageResources.p1_initial_sql, PackageResources.p2_shares_sql,
            PackageResources.p3_commits_sql,
        ]
    }
    static var latest: Int { scripts.count }

    /// The version of a queue; `nil` where the database holds none.
    static func version(_ link: Link) throws(PostgresError) -> Int? {
        // Looked up first: in a transaction that failed nothing more can be asked. Not by
        // to_regclass, which may go by what this session knew before it waited for a lock.
        let isThere = try link.query(
            """
            SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'runner' AND c.relname = 'meta')
            """)
        guard isThere.bool(0, 0) else { return nil }
        return try link.query("SELECT schema_version FROM runner.meta").int(0, 0)
    }

    /// The same outside of a transaction, with one question.
    private static func versionIfAny(_ link: Link) throws(PostgresError) -> Int? {
        do throws(PostgresError) {
            return try link.query("SELECT schema_version FROM runner.meta").int(0, 0)
        } catch {
            // No such table, or no such schema.
            guard [.refused("42P01"), .refused("3F000")].contains(error.kind) else { throw error }
            return nil
        }
    }

    /// Makes the queue's tables where there are none, or brings them up to date.
    ///
    /// - Throws: `QueueError` `.newer` when a later version made them; `.readOnly` when they are to be
    ///   brought up, and this role may not act as their owner.
    static func migrate(_ link: Link, named name: String, makesMissing: Bool) throws {
        guard let known = try versionIfAny(link) else {
            guard makesMissing else {
                throw QueueError(
                    .missing, "there is no queue at \(name)", remedy: .makeQueue(path: name))
            }
            return try bringUp(link)
        }
        guard known <= latest else {
            throw QueueError(
                .newer,
                "the queue \(name) was written by a newer runner (schema \(known), this one knows \(latest))",
                remedy: .upgrade)
        }
        guard known < latest else { return }
        do {
            try bringUp(link)
        } catch let error as PostgresError where error.kind == .refused("42501") {
            throw QueueError(
                .readOnly,
                "the queue \(name) has schema \(known), and this runner needs \(latest) (\(error.message)); its owner must open it once with this version, for example with runner status"
            )
        }
    }

    private static func bringUp(_ link: Link) throws {
        try link.transaction {
            // The number is this program's own. The lock ends with the transaction, so that it holds
            // with a pooler, too.
            try link.query("SELECT pg_advisory_xact_lock(8261460012345678901)")
            // Only now: another one may have been quicker.
            let known = try version(link)
            if known != nil, known != latest { try becomeOwner(link) }
            for script in scripts.dropFirst(known ?? 0) {
                try link.script(String(decoding: script, as: UTF8.self))
            }
        }
    }

    /// Takes the role of the queue's owner for the rest of the transaction: what a superuser makes would
    /// be the superuser's, and the owner could not use it.
    private static func becomeOwner(_ link: Link) throws(PostgresError) {
        let owner = try link.query(
            """
            SELECT quote_ident(r.rolname), r.rolname = current_user
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
            WHERE n.nspname = 'runner' AND c.relname = 'meta'
            """)
        guard owner.count == 1, !owner.bool(0, 1) else { return }
        try link.script("SET LOCAL ROLE \(owner.text(0, 0))")
    }
}
