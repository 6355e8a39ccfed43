/// Requests that responses led to.
///
/// Their hashes go to the table `found_hash` first, which is small enough for a tree, and from there
/// to a run of the set (`SQLiteQueue+Unique.swift`).
extension SQLiteQueue {
    /// The hashes at which `found_hash` becomes a run: what one transaction may add.
    static let foundHashesMax = transactionHashesMax
    /// The hashes of late that are kept in memory, about 5 MB: most links of a page are those of its
    /// neighbours.
    static let recentHashesMax = 1 << 17

    /// Adds requests within the transaction that marks the jobs.
    ///
    /// - Parameter countMax: The most jobs of a batch of found requests.
    /// - Returns: The hashes that the set holds for certain once the transaction is committed.
    func add(
        _ found: [FoundRequests], countMax: Int, _ tally: inout FoundTally
    ) throws -> [RequestHash] {
        guard found.contains(where: { $0.count > 0 }) else { return [] }
        guard let id = uniqueList else {
            throw fenced("this process has no right to add to the set of requests")
        }
        try checkAdding(id)
        if try !hasFoundTables() { try Migrator.makeFoundTables(connection) }
        var seen: [RequestHash] = []
        for requests in found where requests.count > 0 {
            seen += try add(requests, countMax: countMax, &tally)
        }
        return seen
    }

    private func add(
        _ found: FoundRequests, countMax: Int, _ tally: inout FoundTally
    ) throws -> [RequestHash] {
        var target = try foundBatch(of: found.source)
        let isFull = try target.map { target in
            try target.count >= countMax || isCancelled(target.id)
        }
        if isFull ?? (countMax == 0) {
            tally.leftOut += found.count
            return []
        }
        var fresh = try unknown(found, &tally)
        try leaveOutFullHosts(of: &fresh, in: target?.id, of: found, &tally)
        let room = countMax - (target?.count ?? 0)
        if fresh.count > room {
            tally.leftOut += fresh.count - room
            fresh.removeLast(fresh.count - room)
        }
        guard !fresh.isEmpty else { return [] }
        try grow(&target, by: fresh, of: found)
        if let target { try countHosts(of: fresh, in: target.id, of: found) }
        let insert = try connection.prepare("INSERT INTO found_hash (hash) VALUES (?)")
        for place in fresh { try insert.run(.blob(place.hash.bytes)) }
        tally.added += fresh.count
        return fresh.map(\.hash)
    }

    /// The batch that requests found in jobs of a batch go to.
    private struct FoundBatch {
        let id: Batch.ID
        var count: Int
        let priority: Int
    }

    /// - Returns: `nil` when it is not made yet.
    private func foundBatch(of source: Batch.ID) throws -> FoundBatch? {
        let row = try connection.prepare(
            """
            SELECT id, count, priority FROM batch
            WHERE found_in = ?1 OR id = ?1 AND found_in IS NOT NULL LIMIT 1
            """)
        try row.bind([.int(source)])
        guard try row.step() else { return nil }
        return FoundBatch(id: row.int(0), count: row.int(1), priority: row.int(2))
    }

    /// The requests that are not in the set, each once, in the order they were found.
    private func unknown(
        _ found: FoundRequests, _ tally: inout FoundTally
    ) throws -> [FoundRequests.Place] {
        var own: Set<RequestHash> = []
        let asked = found.places.filter {
            !recentHashes.contains($0.hash) && own.insert($0.hash).inserted
        }
        let hashes = asked.map(\.hash).sorted()
        var known = [Bool](repeating: false, count: hashes.count)
        let row = try connection.prepare("SELECT 1 FROM found_hash WHERE hash = ?")
        for (index, hash) in hashes.enumerated() {
            try row.bind([.blob(hash.bytes)])
            known[index] = try row.step()
        }
        for run in try goodRuns() { try find(hashes[...], in: run, &known) }
        let unknown = Set(zip(hashes, known).filter { !$0.1 }.map(\.0))
        tally.known += found.count - unknown.count
        return asked.filter { unknown.contains($0.hash) }
    }

    private func goodRuns() throws -> [Int] {
        let rows = try connection.prepare(
            "SELECT id FROM hash_run WHERE batch_id IS NULL ORDER BY count DESC, id")
        try rows.bind([])
        var runs: [Int] = []
        while try rows.step() { runs.append(rows.int(0)) }
        return runs
    }

    /// Makes the batch larger by requests; the first of them make it.
    private func grow(
        _ target: inout FoundBatch?, by fresh: [FoundRequests.Place], of found: FoundRequests
    ) throws {
        try checkRoom(for: fresh.count)
        let batch = try target ?? makeFoundBatch(of: found, count: fresh.count)
        if target != nil {
            try connection.run(
                "UPDATE batch SET count = count + ? WHERE id = ?", .int(fresh.count),
                .int(batch.id))
        }
        let blocks = Self.blocks(of: fresh, found.lines, from: target?.count ?? 0)
        try insert(blocks, of: batch.id, priority: batch.priority)
        try add(fresh.count, toTotalOf: 0)
        target = batch
    }

    private func makeFoundBatch(of found: FoundRequests, count: Int) throws -> FoundBatch {
        let id = try nextBatchID()
        let priority =
            try connection.int("SELECT priority FROM batch WHERE id = ?", .int(found.source)) ?? 0
        let list = JobList(count: count, request: found.request, fields: found.fields)
        try insert(
            id, kind: "list", firstID: 0, count: count, found.request,
            options: try options(of: found.request, list), BatchLabel(priority: priority))
        try connection.run(
            "UPDATE batch SET found_in = ?, is_hashed = 1 WHERE id = ?", .int(found.source),
            .int(id))
        return FoundBatch(id: id, count: count, priority: priority)
    }

    /// The blocks of lines, one lane after another.
    private static func blocks(
        of places: [FoundRequests.Place], _ lines: ListBlockBuilder, from first: Int
    ) -> [ListBlock] {
        let packer = ListPacker()
        var blocks: [ListBlock] = []
        var next = first
        var builder = ListBlockBuilder()
        func end(_ lane: Int) {
            guard builder.count > 0 else { return }
            let block = builder.take(first: next, lane: lane, packer)
            next += block.count
            blocks.append(block)
        }
        // Those of a lane stay in the order they were found.
        let lanes = Dictionary(grouping: places, by: \.lane)
        for (lane, places) in lanes.sorted(by: { $0.key < $1.key }) {
            for place in places {
                builder.append(lineAt: place.bytes, of: lines)
                if builder.isFull { end(lane) }
            }
            end(lane)
        }
        return blocks
    }

    // MARK: - The set

    private func hasFoundTables() throws -> Bool {
        try connection.int("SELECT 1 FROM sqlite_schema WHERE name = 'found_host'") == 1
    }

    /// Takes in hashes that the set holds now.
    func remember(_ hashes: [RequestHash]) {
        if recentHashes.count + hashes.count > Self.recentHashesMax {
            recentHashes.removeAll(keepingCapacity: true)
        }
        recentHashes.formUnion(hashes.prefix(Self.recentHashesMax))
        foundHashes += hashes.count
    }

    /// Makes a run of `found_hash`, if it holds enough.
    ///
    /// - Parameter countMin: The fewest hashes that are worth it.
    func sealFoundHashes(countMin: Int = SQLiteQueue.foundHashesMax) throws(QueueError) {
        guard foundHashes >= countMin else { return }
        try write {
            guard try hasFoundTables() else { return }
            let rows = try connection.prepare("SELECT hash FROM found_hash ORDER BY hash")
            try rows.bind([])
            var hashes: [RequestHash] = []
            while try rows.step() { hashes += RequestHash.hashes(in: rows.blob(0)) }
            guard !hashes.isEmpty else { return }
            try connection.run(
                "INSERT INTO hash_run (batch_id, count) VALUES (NULL, ?)", .int(hashes.count))
            try insert(hashes[...], intoRun: connection.lastInsertID)
            try connection.run("DELETE FROM found_hash")
        }
        foundHashes = 0
    }
}
