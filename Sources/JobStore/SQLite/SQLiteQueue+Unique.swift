/// The set of requests: hashes in sorted runs of pages.
///
/// Only the process with the right to add to the set changes it, so runs stay as they are between
/// the transactions of one process.
extension SQLiteQueue {
    /// The hashes of a page: 16 KB, so that a look at one hash reads little.
    static let pageHashesMax = 1024
    /// The hashes that one transaction adds or removes: 1 MB.
    static let transactionHashesMax = 64 * pageHashesMax

    public func addUniqueList(
        _ request: RequestTemplate, _ fields: LineFields
    ) throws(QueueError) -> any UniqueListImport {
        try removeAbandonedLists()
        try takeRightToSet()
        do throws(QueueError) {
            let key = try read {
                let row = try connection.prepare("SELECT key FROM hash_key WHERE id = 1")
                try row.bind([])
                guard try row.step(), let key = RequestHash.Key(row.blob(0)) else {
                    throw damaged("it has no key for the hashes of requests")
                }
                return key
            }
            // What a run has left there is looked for in runs from now on.
            try sealFoundHashes(countMin: 0)
            let id = try beginList()
            uniqueList = id
            return SQLiteUniqueImport(
                queue: self, id: id,
                list: SQLiteListImport(queue: self, id: id, request: request, fields: fields),
                hashKey: key)
        } catch {
            lock?.release(.addingUnique)
            throw error
        }
    }

    private func takeRightToSet() throws(QueueError) {
        // A lock of our own would not keep us out.
        var isOurs = uniqueList == nil
        if isOurs {
            do throws(Errno) {
                // Without a lock file the queue is not written, which the next step says.
                isOurs = try lock?.take(.addingUnique, patienceMillis: 0) ?? true
            } catch {
                throw error.untakable(path)
            }
        }
        guard isOurs else {
            throw QueueError(
                .busy,
                "another process adds requests without duplicates to the queue \(path): those of a list, or those that a run finds in responses; wait for its end and try again"
            )
        }
    }

    func endUniqueList() {
        uniqueList = nil
        recentHashes = []
        lock?.release(.addingUnique)
    }

    // MARK: - Lists in the set

    func listOutsideSet(after last: Batch.ID) throws(QueueError) -> Batch? {
        try read {
            let id = try connection.int(
                """
                SELECT id FROM batch WHERE kind = 'list' AND is_hashed = 0 AND id > ?
                ORDER BY id LIMIT 1
                """, .int(last))
            return try id.map(batch)
        }
    }

    func takeIn(_ batch: Batch, by id: Batch.ID) throws(QueueError) {
        try write {
            try checkAdding(id)
            try keepHashes(ofList: id)
            // One that still grows is read again by the next import.
            try connection.run(
                """
                UPDATE batch SET is_hashed = 1 WHERE id = ?1 AND count = ?2
                    AND id NOT IN (SELECT batch_id FROM import)
                """, .int(batch.id), .int(batch.count))
        }
    }

    /// Has the runs that go with a list that is being added count for good.
    func keepHashes(ofList id: Batch.ID) throws {
        try connection.run("UPDATE hash_run SET batch_id = NULL WHERE batch_id = ?", .int(id))
    }

    // MARK: - Adding

    /// Begins a run that goes with a list.
    func beginRun(of count: Int, for id: Batch.ID) throws(QueueError) -> Int {
        try write {
            try checkAdding(id)
            try connection.run(
                "INSERT INTO hash_run (batch_id, count) VALUES (?, ?)", .int(id), .int(count))
            return connection.lastInsertID
        }
    }

    /// Adds hashes to the end of a run.
    func add(
        _ hashes: ArraySlice<RequestHash>, toRun run: Int, for id: Batch.ID
    ) throws(QueueError) {
        try write {
            try checkAdding(id)
            try insert(hashes, intoRun: run)
        }
    }

    /// Inserts hashes, which rise, behind those of a run.
    func insert(_ hashes: ArraySlice<RequestHash>, intoRun run: Int) throws {
        let page = try connection.prepare(
            "INSERT INTO hash_page (run_id, lowest, hashes) VALUES (?, ?, ?)")
        var rest = hashes
        while let lowest = rest.first {
            let part = rest.prefix(Self.pageHashesMax)
            try page.run(.int(run), .blob(lowest.bytes), .blob(RequestHash.bytes(of: part)))
            rest = rest.dropFirst(part.count)
        }
    }

    /// Removes some hashes of runs that go with a list.
    ///
    /// - Returns: Whether there were any.
    func removeSomeHashes(of id: Batch.ID) throws -> Bool {
        let run = try connection.int("SELECT min(id) FROM hash_run WHERE batch_id = ?", .int(id))
        guard let run else { return false }
        _ = try removeSomeHashes(ofRun: run)
        return true
    }

    /// Removes some pages of a run or, when it has none, the run.
    ///
    /// - Returns: Whether some of the run is left.
    private func removeSomeHashes(ofRun run: Int) throws -> Bool {
        let removed = try connection.run(
            """
            DELETE FROM hash_page WHERE run_id = ?1 AND lowest IN (
                SELECT lowest FROM hash_page WHERE run_id = ?1 ORDER BY lowest LIMIT ?2)
            """, .int(run), .int(Self.transactionHashesMax / Self.pageHashesMax))
        if removed > 0 { return true }
        try connection.run("DELETE FROM hash_run WHERE id = ?", .int(run))
        return false
    }

    /// Removes some of a run that goes with a list.
    ///
    /// - Returns: Whether some of it is left.
    func removeSome(ofRun run: Int, for id: Batch.ID) throws(QueueError) -> Bool {
        try write {
            try checkAdding(id)
            return try removeSomeHashes(ofRun: run)
        }
    }

    // MARK: - Asking

    /// A run by its number.
    struct HashRun {
        let id: Int
        let count: Int
    }

    /// The runs of the set, and those that go with a list, the largest first.
    func runs(for id: Batch.ID) throws(QueueError) -> [HashRun] {
        try runs(where: "batch_id IS NULL OR batch_id = ?", id)
    }

    /// The runs of the set alone; or those alone that go with the list, where `isOwn`.
    func runs(for id: Batch.ID, isOwn: Bool) throws(QueueError) -> [HashRun] {
        try runs(where: isOwn ? "batch_id = ?" : "batch_id IS NULL AND ? > 0", id)
    }

    private func runs(where sql: String, _ id: Batch.ID) throws(QueueError) -> [HashRun] {
        try read {
            let rows = try connection.prepare(
                "SELECT id, count FROM hash_run WHERE \(sql) ORDER BY count DESC, id")
            try rows.bind([.int(id)])
            var runs: [HashRun] = []
            while try rows.step() { runs.append(HashRun(id: rows.int(0), count: rows.int(1))) }
            return runs
        }
    }

    /// Looks for hashes in a run: where many are asked for, page by page in order, and pages that
    /// can hold none of them are not read.
    ///
    /// - Parameters:
    ///   - hashes: Rising.
    ///   - known: Set to `true` at the index of each that is found.
    func look(
        for hashes: ArraySlice<RequestHash>, in run: Int, _ known: inout [Bool]
    ) throws(QueueError) {
        try read { try find(hashes, in: run, &known) }
    }

    /// As `look`, within a transaction.
    func find(
        _ hashes: ArraySlice<RequestHash>, in run: Int, _ known: inout [Bool]
    ) throws {
        var rest = hashes
        while let next = rest.first {
            let page = try page(of: run, holding: next)
            if let page { rest = Self.compare(rest, with: page, &known) }
            guard !rest.isEmpty, let lowest = try lowest(of: run, after: page?.first) else {
                return
            }
            // Between two pages there is nothing.
            rest = rest[rest.firstIndex(notBefore: lowest)...]
        }
    }

    /// Marks the hashes that are in a page.
    ///
    /// - Returns: The hashes behind the page.
    private static func compare(
        _ hashes: ArraySlice<RequestHash>, with page: [RequestHash], _ known: inout [Bool]
    ) -> ArraySlice<RequestHash> {
        var (index, place) = (hashes.startIndex, 0)
        while index < hashes.endIndex, place < page.count {
            if page[place] < hashes[index] {
                place += 1
            } else {
                if page[place] == hashes[index] { known[index] = true }
                index += 1
            }
        }
        return hashes[index...]
    }

    /// Returns the page that holds a hash if one of the run does; `nil` when the run begins behind
    /// it.
    private func page(of run: Int, holding hash: RequestHash) throws -> [RequestHash]? {
        let row = try connection.prepare(
            """
            SELECT hashes, lowest FROM hash_page WHERE run_id = ? AND lowest <= ?
            ORDER BY lowest DESC LIMIT 1
            """)
        try row.bind([.int(run), .blob(hash.bytes)])
        return try row.step() ? page(in: row, of: run) : nil
    }

    /// Returns the lowest hash of the page behind the one that begins with `hash`, or of the first
    /// one; `nil` when there is none.
    private func lowest(of run: Int, after hash: RequestHash?) throws -> RequestHash? {
        let row = try connection.prepare(
            """
            SELECT lowest FROM hash_page WHERE run_id = ? AND lowest > ? ORDER BY lowest LIMIT 1
            """)
        try row.bind([.int(run), .blob(hash?.bytes ?? [])])
        return try row.step() ? RequestHash.hashes(in: row.blob(0)).first : nil
    }

    /// Returns the page behind the one that begins with `hash`, or the first one; `nil` when there
    /// is none.
    func page(of run: Int, after hash: RequestHash?) throws -> [RequestHash]? {
        let row = try connection.prepare(
            """
            SELECT hashes, lowest FROM hash_page WHERE run_id = ? AND lowest > ?
            ORDER BY lowest LIMIT 1
            """)
        try row.bind([.int(run), .blob(hash?.bytes ?? [])])
        return try row.step() ? page(in: row, of: run) : nil
    }

    private func page(in row: borrowing Statement, of run: Int) throws -> [RequestHash] {
        let page = RequestHash.hashes(in: row.blob(0))
        // Pages are found by it: with another, a reader might go round in circles.
        guard let first = page.first, first.bytes == row.blob(1) else {
            throw damaged("a page of run \(run) of hashes does not begin as it should")
        }
        return page
    }
}

extension ArraySlice<RequestHash> {
    /// The first index whose hash is not below another; the hashes rise.
    fileprivate func firstIndex(notBefore hash: RequestHash) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle] < hash { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
