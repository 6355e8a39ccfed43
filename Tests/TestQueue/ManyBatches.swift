internal import CSQLite
internal import Glibc
public import JobStore

/// Queues of very many batches, made in a moment: as many calls of `enqueue` would be as many
/// commits that wait for the disk.
public enum ManyBatches {
    /// Adds batches of a few jobs each, with rising IDs, to the queue at `path`, made if missing.
    ///
    /// It writes the tables itself and takes no lock: nobody else may have the queue open.
    public static func add(
        _ count: Int, jobs: Int = 1, url: String = "http://127.0.0.1/{id}", to path: String
    ) async throws {
        await (try SQLiteQueue(path: path, access: .create)).close()
        var database: OpaquePointer?
        defer { sqlite3_close_v2(database) }
        let text = url.split(separator: "'", omittingEmptySubsequences: false).joined(
            separator: "''")
        let script = """
            BEGIN IMMEDIATE;
            WITH RECURSIVE number (n) AS (
                SELECT coalesce(max(id), 0) FROM batch
                UNION ALL SELECT n + 1 FROM number LIMIT \(count))
            INSERT INTO batch (kind, first_id, count, url, created_at_us)
            SELECT 'range', n * \(jobs), \(jobs), '\(text)', 0 FROM number;
            INSERT INTO span (batch_id, first, count, outcome)
            SELECT id, 0, count, 0 FROM batch ORDER BY id DESC LIMIT \(count);
            UPDATE total SET count = count + \(count * jobs) WHERE outcome = 0;
            COMMIT;
            """
        guard sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK,
            sqlite3_exec(database, script, nil, nil, nil) == SQLITE_OK
        else {
            throw Failure(description: String(cString: sqlite3_errmsg(database)))
        }
    }

    /// Claims and commits all there is, as a run does but without fetching: each tenth job fails, each
    /// hundredth is to be tried again in an hour.
    ///
    /// - Parameter jobsPerCommit: As of a run.
    /// - Returns: How long claims and commits took, each in all.
    public static func drain(
        _ lease: any RunnerLease, jobsPerCommit: Int = 5_000
    ) async throws -> (claims: Duration, commits: Duration) {
        let clock = ContinuousClock()
        var claims = Duration.zero
        var commits = Duration.zero
        var marks: [Mark] = []
        while true {
            let start = clock.now
            let segments = try await lease.claim(jobs: 8192).segments
            claims += clock.now - start
            for segment in segments {
                for position in segment.todo.joined() {
                    marks.append(mark(position, segment.batch))
                }
            }
            while marks.count >= (segments.isEmpty ? 1 : jobsPerCommit) {
                let start = clock.now
                let some = Array(marks.prefix(jobsPerCommit))
                try await lease.commit(some, heartbeat: Heartbeat(requestsPerSecond: 1))
                commits += clock.now - start
                marks.removeFirst(some.count)
            }
            if segments.isEmpty { return (claims, commits) }
        }
    }

    private static func mark(_ position: Int, _ batch: Batch) -> Mark {
        let id = batch.id(at: position)
        let outcome =
            id % 100 == 1
            ? Outcome(.retrying, status: 503)
            : id % 10 == 2 ? Outcome(.failed, status: 404) : Outcome(.completed, status: 200)
        return Mark(
            batchID: batch.id, position: position, attempt: 1, outcome: outcome,
            wait: .seconds(3600))
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
