public import JobStore
internal import Synchronization

/// Adding lists. Lines come in transactions of their own, which nobody sees: the last one makes them
/// a batch.
extension PostgresQueue {
    public func addList(
        _ request: RequestTemplate, _ fields: LineFields
    ) throws(QueueError) -> any ListImport {
        try removeAbandonedLists()
        let instance = Self.randomName()
        // Before others can see the list, or they would take it for abandoned.
        importLocks[instance] = RunnerLock(instance: instance)
        let id = try change {
            let known = try link.query(
                "SELECT batch_id FROM runner.import WHERE instance = $1", .text(instance))
            if known.count == 1 { return known.int(0, 0) }
            return try link.query(
                """
                INSERT INTO runner.import (batch_id, instance)
                SELECT \(Self.nextBatchID), $1 RETURNING batch_id
                """, .text(instance)
            ).int(0, 0)
        }
        return PostgresListImport(
            queue: self, id: id, instance: instance, request: request, fields: fields)
    }

    func add(_ blocks: [ListBlock], to id: Batch.ID, of instance: String) throws(QueueError) {
        try repeated { () throws(QueueError) in
            try write {
                let mine = try link.query(
                    """
                    UPDATE runner.import SET at = clock_timestamp()
                    WHERE batch_id = $1 AND instance = $2
                    """, .int(id), .text(instance))
                guard mine.touched == 1 else { throw notAdding(id) }
                // What is there was added by this call, whose answer was lost.
                try link.query(
                    """
                    WITH block AS (
                        SELECT * FROM unnest($2::bigint[], $3::int[], $4::int[], $5::bytea[])
                            AS u(first, count, lane, bytes)),
                    lines AS (
                        INSERT INTO runner.line (batch_id, first, count, lane, bytes)
                        SELECT $1::bigint, first, count, lane, bytes FROM block
                        ON CONFLICT (batch_id, first) DO NOTHING)
                    INSERT INTO runner.block (batch_id, first, count, lane)
                    SELECT $1::bigint, first, count, lane FROM block
                    ON CONFLICT (batch_id, first) DO NOTHING
                    """,
                    .int(id), .ints(blocks.map(\.first)), .ints(blocks.map(\.count)),
                    .ints(blocks.map(\.lane)), .blobs(blocks.map(\.bytes)))
            }
        }
    }

    private nonisolated func notAdding(_ id: Batch.ID) -> QueueError {
        fenced("batch \(id) is not being added any more")
    }

    func finishList(
        _ id: Batch.ID, of instance: String, _ list: JobList, as label: BatchLabel
    ) throws(QueueError) -> (batch: Batch, isNew: Bool) {
        try checkAsksPlainly(label)
        let made = try change {
            if let added = try batch(where: "token = $1", .text(instance)) { return added }
            if let key = label.key, let known = try batch(where: "enqueue_key = $1", .text(key)) {
                return known
            }
            let mine = try link.query(
                "DELETE FROM runner.import WHERE batch_id = $1 AND instance = $2", .int(id),
                .text(instance))
            guard mine.touched == 1 else { throw notAdding(id) }
            _ = try insert(.list(list), as: label, id: id, instance)
            try link.query(
                """
                INSERT INTO runner.lane (batch_id, lane, priority, jobs)
                SELECT batch_id, lane, $2::int, sum(count) FROM runner.block WHERE batch_id = $1
                GROUP BY batch_id, lane
                """, .int(id), .int(label.priority))
            return Batch(id: id, source: .list(list))
        }
        if made.id == id { release(instance) } else { abandonList(id, of: instance) }
        return (made, made.id == id)
    }

    /// Removes a list that is not to be a batch. Where it cannot be removed now, the next who adds one
    /// does.
    func abandonList(_ id: Batch.ID, of instance: String) {
        try? removeList(id)
        release(instance)
    }

    private func release(_ instance: String) {
        importLocks[instance] = nil
        RunnerLock.clear(instance: instance)
    }

    /// The time after which a list to which nothing was added is taken for abandoned, where nothing is
    /// known of its process.
    private static let abandonedAfter = "interval '1 day'"

    /// Removes lists whose processes ended before these were complete.
    private func removeAbandonedLists() throws(QueueError) {
        let rows = try ask {
            try link.query(
                """
                SELECT batch_id, instance, at < clock_timestamp() - \(Self.abandonedAfter)
                FROM runner.import
                """)
        }
        for row in 0..<rows.count
        where rows.bool(row, 2) || RunnerLock.isGone(instance: rows.text(row, 1)) {
            try removeList(rows.int(row, 0))
            RunnerLock.clear(instance: rows.text(row, 1))
        }
    }

    /// Removes the lines of a list that is no batch, some at a time: others write meanwhile.
    private func removeList(_ id: Batch.ID) throws(QueueError) {
        var isDone = false
        while !isDone {
            isDone = try change {
                let isBatch = try link.query("SELECT FROM runner.batch WHERE id = $1", .int(id))
                if isBatch.count == 1 { return true }
                // First: who adds to it still adds no more.
                let gone = try link.query(
                    "UPDATE runner.import SET instance = '' WHERE batch_id = $1", .int(id))
                guard gone.touched == 1 else { return true }
                for table in ["block", "line"] {
                    let removed = try link.query(
                        """
                        DELETE FROM runner.\(table) WHERE batch_id = $1 AND first IN (
                            SELECT first FROM runner.\(table) WHERE batch_id = $1
                            ORDER BY first LIMIT 1000)
                        """, .int(id))
                    if removed.touched > 0 { return false }
                }
                try link.query("DELETE FROM runner.import WHERE batch_id = $1", .int(id))
                return true
            }
        }
    }

    // MARK: - Refusals

    public func addUniqueList(
        _ request: RequestTemplate, _ fields: LineFields
    ) throws(QueueError) -> any UniqueListImport {
        throw unsupported("tell requests that it has from others (--unique)")
    }

    public func checkKeepsValidators() async throws(QueueError) {
        throw keepsNoValidators
    }

    private nonisolated var keepsNoValidators: QueueError {
        unsupported("keep validators (ETag, Last-Modified)")
    }

    /// - Throws: `.unsupported` when jobs are to be asked for by validators.
    nonisolated func checkAsksPlainly(_ label: BatchLabel) throws(QueueError) {
        if label.conditionalOn != nil { throw keepsNoValidators }
    }

    public func streamList(
        _ request: RequestTemplate, _ fields: LineFields, from origin: ListOrigin?,
        mayRepeat: Bool, as label: BatchLabel
    ) throws(QueueError) -> any ListStream { throw unsupported("take lists as they come") }

    public func resumeList(_ batch: Batch.ID) throws(QueueError) -> any ListStream {
        throw unsupported("take lists as they come")
    }

    public func unfinishedLists() -> [UnfinishedList] { [] }
}

/// A list that is being added to a queue in PostgreSQL.
final class PostgresListImport: ListImport {
    private let queue: PostgresQueue
    private let id: Batch.ID
    private let instance: String
    private let request: RequestTemplate
    private let fields: LineFields
    /// The number of jobs added.
    private let count = Locked(0)

    init(
        queue: PostgresQueue, id: Batch.ID, instance: String, request: RequestTemplate,
        fields: LineFields
    ) {
        self.queue = queue
        self.id = id
        self.instance = instance
        self.request = request
        self.fields = fields
    }

    func add(_ blocks: [ListBlock]) async throws(QueueError) {
        var end = count.withLock { $0 }
        for block in blocks {
            precondition(block.first == end, "blocks go on where those before ended")
            end += block.count
        }
        try await queue.add(blocks, to: id, of: instance)
        count.withLock { $0 = end }
    }

    func finish(
        as label: BatchLabel, hasOneHost: Bool
    ) async throws(QueueError) -> (batch: Batch, isNew: Bool)? {
        let count = count.withLock { $0 }
        guard count > 0 else {
            await abandon()
            return nil
        }
        let list = JobList(
            count: count, request: request, fields: fields, hasOneHost: hasOneHost)
        return try await queue.finishList(id, of: instance, list, as: label)
    }

    func abandon() async { await queue.abandonList(id, of: instance) }
}
