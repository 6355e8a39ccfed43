internal import Glibc
public import JobStore

extension PostgresQueue {
    public func addBatch(
        _ source: BatchSource, as label: BatchLabel
    ) throws(QueueError) -> (batch: Batch, isNew: Bool) {
        try checkAsksPlainly(label)
        switch source {
        case .range(let range, let request):
            // Of this call, so that it is found when its answer is lost.
            let token = Self.randomName()
            return try change {
                if let added = try batch(where: "token = $1", .text(token)) {
                    return (added, true)
                }
                if let key = label.key, let known = try batch(where: "enqueue_key = $1", .text(key))
                {
                    guard known.source == source else { throw keyTaken(key, by: known) }
                    return (known, false)
                }
                return (try add(range, request, label, token), true)
            }
        case .list: preconditionFailure("a list is added by addList, block by block")
        }
    }

    /// A name that nothing else has: 128 random bits.
    static func randomName() -> String {
        var random = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(random.next(), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    private func add(
        _ range: JobRange, _ request: RequestTemplate, _ label: BatchLabel, _ token: String
    ) throws -> Batch {
        let source = BatchSource.range(range, request)
        let id = try insert(source, as: label, id: nil, token)
        try link.query(
            """
            INSERT INTO runner.span (batch_id, stop, first, outcome, priority)
            SELECT $1, least($2::bigint - g, $3::bigint) + g, g, 0, $4
            FROM generate_series(0, $2::bigint - 1, $3::bigint) g
            """,
            .int(id), .int(range.count), .int(Self.pieceJobs(of: range.count)),
            .int(label.priority))
        return Batch(id: id, source: source)
    }

    /// Adds the row of a batch, and counts its jobs.
    ///
    /// - Parameter id: The ID; `nil` for the next one.
    func insert(
        _ source: BatchSource, as label: BatchLabel, id: Batch.ID?, _ token: String
    ) throws -> Batch.ID {
        try checkRoom(for: source.count)
        if let name = label.name, let other = try batch(where: "name = $1", .text(name)) {
            throw QueueError(
                .nameTaken,
                "the name '\(name)' belongs to batch \(other.id) of the queue \(self.name)",
                remedy: .nameBatchOtherwise)
        }
        let request = source.request
        var (first, step) = (0, 1)
        if case .range(let range, _) = source { (first, step) = (range.first, range.step) }
        let headers = request.headers.map { HeaderColumns($0) }
        let body: Value = request.body.map { .bytes($0.bytes) } ?? .null
        let values: [Value] = [
            .int(first), .int(source.count), .int(step), .text(request.url),
            .text(request.method.rawValue), body,
            .text((request.body?.syntax ?? .raw).rawValue), .texts(headers.map(\.name)),
            .texts(headers.map(\.value)), .texts(headers.map(\.words)), Value(label.name),
            .int(label.priority), Value(label.key), .text(token), Value(id), .text(source.kind),
        ]
        let added = try link.query(
            """
            INSERT INTO runner.batch (id, kind, first_id, count, step, url, method, body, body_syntax,
                headers, name, priority, enqueue_key, token, created_us, fields)
            SELECT coalesce($15::bigint, \(Self.nextBatchID)), $16, $1, $2, $3, $4, $5,
                $6::bytea, $7,
                (SELECT coalesce(jsonb_agg(jsonb_build_array(n, v, w) ORDER BY o), '[]')
                 FROM unnest($8::text[], $9::text[], $10::text[]) WITH ORDINALITY h(n, v, w, o)),
                $11, $12, $13, $14, \(clock.sql), \(Self.fieldsSQL(from: 17))
            RETURNING id
            """,
            values + Self.fieldValues(of: source))
        try link.query("UPDATE runner.control SET jobs = jobs + $1", .int(source.count))
        return added.int(0, 0)
    }

    /// The ID of the next batch, as an expression of SQL: one more than the last, and not of a
    /// sequence, whose numbers would have gaps. IDs of lists that are being added are taken.
    static let nextBatchID = """
        greatest((SELECT coalesce(max(id), 0) FROM runner.batch),
            (SELECT coalesce(max(batch_id), 0) FROM runner.import)) + 1
        """

    /// The number of jobs in each of the spans that a batch begins with. There are 256 of these at
    /// most, so that runners which start together find one each, and each has 64 segments or more.
    static func pieceJobs(of count: Int) -> Int {
        let segments = (count - 1) / Segment.countMax + 1
        return max(64, (segments - 1) / 256 + 1) * Segment.countMax
    }

    private func checkRoom(for count: Int) throws {
        let jobs = try link.query("SELECT jobs FROM runner.control").int(0, 0)
        guard !jobs.addingReportingOverflow(count).overflow else {
            throw QueueError(
                .tooMany, "the queue \(name) would hold more jobs than can be counted",
                remedy: .nameAnotherFile)
        }
    }

    private func keyTaken(_ key: String, by batch: Batch) -> QueueError {
        QueueError(
            .keyTaken,
            "the key '\(key)' was given to batch \(batch.id) of the queue \(name), which holds other jobs; choose another key"
        )
    }

    public func batch(enqueuedAs key: String) throws(QueueError) -> Batch? {
        try ask { try batch(where: "enqueue_key = $1", .text(key)) }
    }

    public func batch(named name: String) throws(QueueError) -> Batch? {
        try ask { try batch(where: "name = $1", .text(name)) }
    }
}

extension BatchSource {
    /// The word for it in the table `batch`.
    fileprivate var kind: String {
        switch self {
        case .range: "range"
        case .list: "list"
        }
    }
}
