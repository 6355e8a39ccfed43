/// The validators of completed jobs, and the batches that are asked for by them.
///
/// They are kept in pages of 4,096 positions, and a page in parts: each commit that completes jobs of
/// the page adds one, until there are too many and they become one. So a commit writes what it brings,
/// and not all that is there, and a row is hundreds of jobs.
extension SQLiteQueue {
    /// The parts of a page at which they become one.
    private static let partsMax = 64

    public func checkKeepsValidators() async throws(QueueError) {
        guard let kept = try read({ try keptShard() }) else { return }
        throw QueueError(
            .unfit,
            "the queue \(path) is shard \(kept.shard.text), and validators are lost when shards are merged; crawl the whole queue, or without keeping validators"
        )
    }

    public func validatorCount(of batch: Batch.ID) async throws(QueueError) -> Int {
        try read {
            guard try hasValidatorTable() else { return 0 }
            return try connection.int(
                "SELECT sum(jobs) FROM validator WHERE batch_id = ?", .int(batch)) ?? 0
        }
    }

    private func hasValidatorTable() throws -> Bool {
        if knowsValidatorTable { return true }
        let isThere =
            try connection.int("SELECT 1 FROM sqlite_schema WHERE name = 'validator'") == 1
        knowsValidatorTable = isThere
        return isThere
    }

    // MARK: - Keeping

    /// Keeps the validators of jobs within the transaction that marks them.
    ///
    /// - Parameter marks: By rising batch and position; each completes its job, if it has validators.
    func keepValidators(of marks: [Mark]) throws {
        guard marks.contains(where: { $0.validators != nil }) else { return }
        if try !hasValidatorTable() {
            try Migrator.makeValidatorTables(connection)
            // Not `knowsValidatorTable`: the transaction may not be committed.
        }
        let packer = ListPacker()
        var page: (batch: Batch.ID, number: Int)?
        var entries: [ValidatorPart.Entry] = []
        func endPage() throws {
            guard let page else { return }
            try keep(entries, batch: page.batch, page: page.number, packer)
            entries = []
        }
        for mark in marks {
            guard let validators = mark.validators else { continue }
            let number = mark.position / ValidatorPart.jobsMax
            if page?.batch != mark.batchID || page?.number != number {
                try endPage()
                page = (mark.batchID, number)
            }
            entries.append(ValidatorPart.Entry(mark.position, validators))
        }
        try endPage()
    }

    private func keep(
        _ new: [ValidatorPart.Entry], batch: Batch.ID, page: Int, _ packer: ListPacker
    ) throws {
        validatorPages.remove(page, of: batch)
        let known = try connection.prepare(
            "SELECT count(*), max(part) FROM validator WHERE batch_id = ? AND page = ?")
        try known.bind([.int(batch), .int(page)])
        _ = try known.step()
        var (entries, part) = (new, 0)
        if known.int(0) >= Self.partsMax - 1 {
            entries = try joined(
                validatorParts(ofPage: page, of: batch) + [new], page: page, of: batch)
            try connection.run(
                "DELETE FROM validator WHERE batch_id = ? AND page = ?", .int(batch), .int(page))
        } else if !known.isNull(1) {
            let last = known.int(1)
            guard 0..<Self.partsMax - 1 ~= last else {
                throw damaged("validators of batch \(batch) have a part \(last) of page \(page)")
            }
            part = last + 1
        }
        try connection.run(
            "INSERT INTO validator (batch_id, page, part, jobs, bytes) VALUES (?, ?, ?, ?, ?)",
            .int(batch), .int(page), .int(part), .int(entries.count),
            .blob(ValidatorPart.packed(entries, page: page, by: packer)))
    }

    /// Drops the validators of jobs that are put back, within the transaction that does it: the
    /// responses are lost, so no request must ask whether they have changed.
    ///
    /// - Parameter jobs: Rising runs of a batch.
    func dropValidators(of jobs: [Range<Int>], in batch: Batch.ID) throws {
        guard let first = jobs.first, let last = jobs.last, try hasValidatorTable() else { return }
        let rows = try connection.prepare(
            """
            SELECT DISTINCT page FROM validator WHERE batch_id = ? AND page BETWEEN ? AND ?
            """)
        let size = ValidatorPart.jobsMax
        try rows.bind([
            .int(batch), .int(first.lowerBound / size), .int((last.upperBound - 1) / size),
        ])
        var pages: [Int] = []
        while try rows.step() { pages.append(rows.int(0)) }
        let packer = ListPacker()
        for page in pages {
            let parts = try validatorParts(ofPage: page, of: batch)
            let known = JobValidators(try joined(parts, page: page, of: batch))
            let window = page * size..<(page + 1) * size
            let dropped = Set(known.part(jobs.clamped(to: window)).map(\.position))
            guard !dropped.isEmpty else { continue }
            let kept = known.part([window]).filter { !dropped.contains($0.position) }
            try connection.run(
                "DELETE FROM validator WHERE batch_id = ? AND page = ?", .int(batch), .int(page))
            if kept.isEmpty {
                validatorPages.remove(page, of: batch)
            } else {
                try keep(kept, batch: batch, page: page, packer)
            }
        }
    }

    // MARK: - Reading

    /// The parts of a page.
    private func validatorParts(
        ofPage page: Int, of batch: Batch.ID
    ) throws -> [[ValidatorPart.Entry]] {
        let rows = try connection.prepare(
            "SELECT bytes FROM validator WHERE batch_id = ? AND page = ?")
        try rows.bind([.int(batch), .int(page)])
        var parts: [[ValidatorPart.Entry]] = []
        while try rows.step() {
            guard parts.count < Self.partsMax,
                let part = ValidatorPart.entries(in: rows.blob(0), page: page)
            else { throw damaged("validators of batch \(batch) cannot be read") }
            parts.append(part)
        }
        return parts
    }

    private func joined(
        _ parts: [[ValidatorPart.Entry]], page: Int, of batch: Batch.ID
    ) throws(QueueError) -> [ValidatorPart.Entry] {
        guard let entries = ValidatorPart.joined(parts, page: page) else {
            throw damaged("a job of page \(page) of batch \(batch) has validators twice")
        }
        return entries
    }

    /// The batch by whose validators the jobs of a batch are asked for; `nil` when they are asked for
    /// plainly.
    private func base(of batch: Batch.ID) throws -> Batch.ID? {
        let row = try connection.prepare("SELECT conditional_on FROM batch WHERE id = ?")
        try row.bind([.int(batch)])
        return try row.step() && !row.isNull(0) ? row.int(0) : nil
    }

    /// Looks whether there are validators at all, before jobs are claimed.
    func lookForValidators() throws { _ = try hasValidatorTable() }

    /// The validators by which jobs are asked for; `nil` when there are none. Only those: a segment may
    /// hold a few jobs to do of its thousands.
    func conditions(of jobs: [Range<Int>], in batch: Batch.ID) throws -> JobValidators? {
        guard knowsValidatorTable, let base = try base(of: batch), let first = jobs.first,
            let last = jobs.last
        else { return nil }
        var known: [ValidatorPart.Entry] = []
        let pages =
            first.lowerBound / ValidatorPart.jobsMax...(last.upperBound - 1) / ValidatorPart.jobsMax
        for page in pages {
            known += try knownValidators(ofPage: page, of: base).part(jobs)
        }
        return known.isEmpty ? nil : JobValidators(known)
    }

    /// The most pages of validators that one claim unpacks, but for the last segment's: each takes
    /// about half a millisecond, for which commits wait.
    static var validatorPagesMax: Int { 64 }

    /// The number of retries that a claim takes, so that they are not of too many pages of validators.
    ///
    /// - Parameters:
    ///   - limit: The most retries, whose rows in `retry` are the first by `not_before_us`.
    ///   - due: The condition of rows, which may name the time as `?1`.
    func retryLimit(
        _ limit: Int, where due: String, atMicros nowMicros: Int
    ) throws -> Int {
        guard knowsValidatorTable else { return limit }
        let rows = try connection.prepare(
            """
            SELECT (SELECT conditional_on FROM batch WHERE id = batch_id), position FROM retry
            WHERE \(due) ORDER BY not_before_us LIMIT ?2
            """)
        try rows.bind([.int(nowMicros), .int(limit)])
        var pages: Set<LedgerPlace> = []
        var count = 0
        while try rows.step() {
            if !rows.isNull(0) {
                let page = rows.int(1) / ValidatorPart.jobsMax
                pages.insert(LedgerPlace(batchID: rows.int(0), position: page))
            }
            guard pages.count <= Self.validatorPagesMax else { break }
            count += 1
        }
        return count
    }

    /// The validators of a page, which are kept for a while: blocks of many lanes share it, and so do
    /// retries.
    private func knownValidators(ofPage page: Int, of batch: Batch.ID) throws -> JobValidators {
        if let known = validatorPages.page(page, of: batch) { return known }
        let parts = try validatorParts(ofPage: page, of: batch)
        let read = JobValidators(try joined(parts, page: page, of: batch))
        validatorPages.add(read, page, of: batch)
        return read
    }

    // MARK: - Batches

    /// Notes in a batch that was just inserted that its jobs are asked for by another one's
    /// validators.
    func setBase(of id: Batch.ID, to base: Batch.ID, count: Int) throws {
        guard try connection.int("SELECT count FROM batch WHERE id = ?", .int(base)) ?? 0 >= count
        else {
            throw QueueError(
                .noBatch, "there is no batch \(base) of \(count) jobs in the queue \(path)")
        }
        try connection.run(
            "UPDATE batch SET conditional_on = ? WHERE id = ?", .int(base), .int(id))
    }

    /// Whether the jobs of a batch are asked for by the validators that a label names.
    func isAskedAs(_ label: BatchLabel, _ batch: Batch.ID) throws -> Bool {
        try base(of: batch) == label.conditionalOn
    }

    /// - Throws: `.unfit` when jobs are left that are asked for by validators, which shards would not
    ///   have.
    func checkHasNoConditions() throws {
        let left = try connection.int(
            """
            SELECT min(id) FROM batch WHERE conditional_on IS NOT NULL AND cancelled_at_us IS NULL
                AND count > (SELECT coalesce(sum(tally.count), 0) FROM tally
                    JOIN outcome ON code = outcome AND state <> 'retrying'
                    WHERE batch_id = batch.id)
            """)
        guard let left else { return }
        throw QueueError(
            .unfit,
            "batch \(left) of the queue \(path) asks for what has changed, by validators that shards would not have; finish it here, or cancel it, then split"
        )
    }

    // MARK: - Checking

    /// Checks the table of validators, of which nothing is trusted.
    ///
    /// - Parameter add: Takes a fault.
    func verifyValidators(_ add: (String) -> Void) throws {
        let astray = try connection.int(
            """
            SELECT count(*) FROM batch AS one WHERE conditional_on IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM batch WHERE id = one.conditional_on AND id < one.id
                    AND count >= one.count)
            """)
        if let astray, astray > 0 {
            add("batches that ask by the validators of no batch like them: \(astray)")
        }
        guard try hasValidatorTable() else { return }
        let rows = try connection.prepare(
            """
            SELECT batch_id, page, jobs, bytes, batch.count, part FROM validator
            LEFT JOIN batch ON batch.id = batch_id ORDER BY batch_id, page, part
            """)
        try rows.bind([])
        var last: (batch: Int, page: Int) = (0, -1)
        var seen: Set<Int> = []
        while try rows.step() {
            let (batch, page) = (rows.int(0), rows.int(1))
            if last != (batch, page) { seen = [] }
            last = (batch, page)
            guard let count = rows.number(4) else {
                add("validators of batch \(batch), which is not there")
                continue
            }
            guard (0...(Int.max / ValidatorPart.jobsMax - 1)).contains(page),
                let entries = ValidatorPart.entries(in: rows.blob(3), page: page)
            else {
                add("batch \(batch): validators of page \(page) that do not read")
                continue
            }
            if !(0..<Self.partsMax ~= rows.int(5)) {
                add("batch \(batch): validators of page \(page) have a part \(rows.int(5))")
            }
            if entries.count != rows.number(2) {
                add("batch \(batch): page \(page) has other validators than it counts")
            }
            for position in entries.map(\.position) {
                if position >= count {
                    add("batch \(batch): validators of job \(position), which is not there")
                } else if !seen.insert(position).inserted {
                    add("batch \(batch): job \(position) has validators twice")
                }
            }
        }
    }
}

/// Pages of validators that were read last: those that one claim took are the next one's, too.
struct ValidatorPages {
    private var pages: [LedgerPlace: JobValidators] = [:]
    private var byteCount = 0
    /// The number of pages that were ever added.
    private(set) var added = 0

    /// The most bytes of pages that are kept, but for one page more. A page takes some 100 KB as a
    /// rule, and 1.2 MB at most.
    private static let bytesMax = 4 << 20

    func page(_ number: Int, of batch: Batch.ID) -> JobValidators? {
        pages[LedgerPlace(batchID: batch, position: number)]
    }

    /// - Precondition: The page is not there.
    mutating func add(_ page: JobValidators, _ number: Int, of batch: Batch.ID) {
        if byteCount + page.byteCount > Self.bytesMax { removeAll() }
        pages[LedgerPlace(batchID: batch, position: number)] = page
        byteCount += page.byteCount
        added += 1
    }

    mutating func remove(_ number: Int, of batch: Batch.ID) {
        let page = pages.removeValue(forKey: LedgerPlace(batchID: batch, position: number))
        byteCount -= page?.byteCount ?? 0
    }

    mutating func removeAll() {
        pages = [:]
        byteCount = 0
    }
}
