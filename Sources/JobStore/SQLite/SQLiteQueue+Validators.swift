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
        var entries: [(position: Int, Validators)] = []
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
            entries.append((mark.position, validators))
        }
        try endPage()
    }

    private func keep(
        _ new: [(position: Int, Validators)], batch: Batch.ID, page: Int, _ packer: ListPacker
    ) throws {
        validatorPages[LedgerPlace(batchID: batch, position: page)] = nil
        let known = try connection.prepare(
            "SELECT count(*), max(part) FROM validator WHERE batch_id = ? AND page = ?")
        try known.bind([.int(batch), .int(page)])
        _ = try known.step()
        var (entries, part) = (new, known.isNull(1) ? 0 : known.int(1) + 1)
        if known.int(0) >= Self.partsMax - 1 {
            entries = (try validators(ofPage: page, of: batch) + new)
                .sorted { $0.position < $1.position }
            try connection.run(
                "DELETE FROM validator WHERE batch_id = ? AND page = ?", .int(batch), .int(page))
            part = 0
        }
        try connection.run(
            "INSERT INTO validator (batch_id, page, part, jobs, bytes) VALUES (?, ?, ?, ?, ?)",
            .int(batch), .int(page), .int(part), .int(entries.count),
            .blob(ValidatorPart.packed(entries, page: page, by: packer)))
    }

    // MARK: - Reading

    /// The validators of a page, by rising position.
    private func validators(
        ofPage page: Int, of batch: Batch.ID
    ) throws -> [(position: Int, Validators)] {
        let rows = try connection.prepare(
            "SELECT bytes FROM validator WHERE batch_id = ? AND page = ?")
        try rows.bind([.int(batch), .int(page)])
        var entries: [(position: Int, Validators)] = []
        while try rows.step() {
            guard let part = ValidatorPart.entries(in: rows.blob(0), page: page) else {
                throw damaged("validators of batch \(batch) cannot be read")
            }
            entries += part
        }
        return entries.sorted { $0.position < $1.position }
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
        var known: [(position: Int, Validators)] = []
        let pages =
            first.lowerBound / ValidatorPart.jobsMax...(last.upperBound - 1) / ValidatorPart.jobsMax
        for page in pages {
            known += try knownValidators(ofPage: page, of: base).part(jobs)
        }
        return known.isEmpty ? nil : JobValidators(known)
    }

    /// The validators of a page, which are kept for a while: blocks of many lanes share it, and so do
    /// retries.
    private func knownValidators(ofPage page: Int, of batch: Batch.ID) throws -> JobValidators {
        let place = LedgerPlace(batchID: batch, position: page)
        if let known = validatorPages[place] { return known }
        if validatorPages.count >= Self.pagesMax { validatorPages.removeAll() }
        let read = JobValidators(try validators(ofPage: page, of: batch))
        validatorPages[place] = read
        return read
    }

    /// The most pages that are kept, each of which may take 1 MB, and takes some 100 KB as a rule.
    private static let pagesMax = 16

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
            SELECT batch_id, page, jobs, bytes, batch.count FROM validator
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
            if entries.count != rows.number(2) {
                add("batch \(batch): page \(page) has other validators than it counts")
            }
            for (position, _) in entries {
                if position >= count {
                    add("batch \(batch): validators of job \(position), which is not there")
                } else if !seen.insert(position).inserted {
                    add("batch \(batch): job \(position) has validators twice")
                }
            }
        }
    }
}
