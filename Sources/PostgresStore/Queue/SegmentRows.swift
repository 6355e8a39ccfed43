internal import JobStore

/// Segments as rows of their table.
enum SegmentRows {
    /// The columns that `segment(in:at:)` reads.
    static let columns =
        "batch_id, first, count, priority, outcomes, retries, returned, after_seq, lane"
    /// The same of a table with a name of its own.
    static let columnsOfS =
        """
        s.batch_id, s.first, s.count, s.priority, s.outcomes, s.retries, s.returned, s.after_seq, s.lane
        """
    /// The number of `columns`.
    static let columnCount = 9

    /// Reads a segment.
    ///
    /// - Throws: `ByteReader.Malformed` when its bytes are none of a segment.
    static func segment(in rows: Rows, at row: Int) throws(ByteReader.Malformed) -> HeldSegment {
        let (first, count) = (rows.int(row, 1), rows.int(row, 2))
        guard first >= 0, 1...Segment.countMax ~= count, first <= .max - count,
            let codes = codes(rows.bytes(row, 4), count: count)
        else { throw .init() }
        let retries = try HeldSegment.retries(in: rows.bytes(row, 5), count: count)
        let segment = HeldSegment(
            batchID: rows.int(row, 0), first: first, priority: rows.int(row, 3), codes: codes,
            retries: retries, returned: rows.int(row, 6), afterSeq: rows.int(row, 7),
            lane: rows.intIfAny(row, 8))
        guard retries.keys.allSatisfy({ codes[$0] != 0 }),
            0...segment.todo ~= segment.returned
        else { throw .init() }
        return segment
    }

    /// - Parameter bytes: A column `outcomes`; `nil` where no job has one.
    static func codes(_ bytes: [UInt8]?, count: Int) -> [UInt8]? {
        guard let bytes else { return [UInt8](repeating: 0, count: count) }
        return Blob.unpacked(bytes, count: count)
    }

    /// Writes segments that are in the table, those that are finished to where such are kept.
    ///
    /// - Parameters:
    ///   - owner: The runner that the segments belong to; 0 for none.
    ///   - runner: The runner that holds those that are not finished from now on.
    /// - Returns: Whether all of them were there.
    static func save(
        _ segments: [HeldSegment], of owner: Int, to runner: Int, _ link: Link
    ) throws(PostgresError) -> Bool {
        let finished = segments.filter(\.isFinished)
        let open = segments.filter { !$0.isFinished }
        var count = 0
        if !open.isEmpty { count += try update(open, of: owner, to: runner, link) }
        if !finished.isEmpty { count += try finish(finished, of: owner, link) }
        return count == segments.count
    }

    /// Writes segments that are not in the table.
    ///
    /// - Parameter claim: The claim by which the runner got them.
    static func insert(
        _ segments: [HeldSegment], of runner: Int, by claim: Int = 0, _ link: Link
    ) throws(PostgresError) {
        guard !segments.isEmpty else { return }
        try link.query(
            """
            INSERT INTO runner.segment (batch_id, first, count, todo, tried, retrying, priority,
                outcomes, retries, returned, after_seq, lane, runner_id, claim)
            SELECT u.*, $13::bigint, $14::bigint
            FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[], $5::int[], $6::int[],
                $7::int[], $8::bytea[], $9::bytea[], $10::int[], $11::bigint[],
                $12::int[]) AS u
            """,
            .ints(segments.map(\.batchID)), .ints(segments.map(\.first)),
            .ints(segments.map(\.codes.count)), .ints(segments.map(\.todo)),
            .ints(segments.map(\.tried)), .ints(segments.map(\.retries.count)),
            .ints(segments.map(\.priority)), .blobs(segments.map(packed)),
            .blobs(segments.map(\.packedRetries)), .ints(segments.map(\.returned)),
            .ints(segments.map(\.afterSeq)),
            .texts(segments.map { $0.lane.map { "\($0)" } }), .int(runner), .int(claim))
    }

    /// The column `outcomes` of a segment.
    private static func packed(_ segment: HeldSegment) -> [UInt8]? {
        segment.todo == segment.codes.count ? nil : Blob.packed(segment.codes, level: 1)
    }

    private static func update(
        _ segments: [HeldSegment], of owner: Int, to runner: Int, _ link: Link
    ) throws(PostgresError) -> Int {
        try link.query(
            """
            UPDATE runner.segment s SET todo = u.todo, tried = u.tried, retrying = u.retrying,
                outcomes = u.outcomes, retries = u.retries, runner_id = u.runner_id,
                returned = u.returned
            FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[], $5::int[], $6::bytea[],
                $7::bytea[], $8::bigint[], $9::int[])
                AS u(batch_id, first, todo, tried, retrying, outcomes, retries, runner_id, returned)
            WHERE s.batch_id = u.batch_id AND s.first = u.first AND s.runner_id = $10
            """, values(ofOpen: segments, of: runner) + [.int(owner)]
        ).touched
    }

    /// Segments that are not finished, as parameters: `batch_id`, `first`, `todo`, `tried`,
    /// `retrying`, `outcomes`, `retries`, `runner_id` and `returned`.
    static func values(ofOpen segments: [HeldSegment], of runner: Int) -> [Value] {
        [
            .ints(segments.map(\.batchID)), .ints(segments.map(\.first)),
            .ints(segments.map(\.todo)), .ints(segments.map(\.tried)),
            .ints(segments.map(\.retries.count)),
            .blobs(segments.map(packed)),
            .blobs(segments.map(\.packedRetries)),
            .ints(segments.map { $0.isLetGo ? 0 : runner }),
            .ints(segments.map { $0.isLetGo ? 0 : $0.returned }),
        ]
    }

    /// Finished segments as parameters: `batch_id`, `first`, the code of all their jobs or 0, and
    /// `outcomes` where there is none.
    static func values(ofFinished segments: [HeldSegment]) -> [Value] {
        [
            .ints(segments.map(\.batchID)), .ints(segments.map(\.first)),
            .ints(segments.map { $0.isAlike ? Int($0.codes[0]) : 0 }),
            .blobs(segments.map { $0.isAlike ? [] : Blob.packed($0.codes) }),
        ]
    }

    /// Changes of numbers as parameters: by batch and code, and by code alone.
    static func values(of tally: TallyChange) -> [Value] {
        let (changes, totals) = (tally.ended, tally.totals)
        return [
            .ints(changes.map(\.batch)), .ints(changes.map(\.code)), .ints(changes.map(\.count)),
            .ints(totals.map(\.code)), .ints(totals.map(\.count)),
        ]
    }

    /// Files as parameters, in the order of the table's columns.
    static func values(of files: [OutputFile]) -> [Value] {
        [
            .ints(files.map(\.id)), .texts(files.map(\.name)),
            .texts(files.map(\.format)), .ints(files.map(\.bytes)),
            .ints(files.map { Int($0.crc32) }), .ints(files.map(\.records)),
            .texts(files.map { $0.isSealed ? "t" : "f" }),
        ]
    }

    /// Takes finished segments out of their table: those whose jobs are all alike become spans.
    private static func finish(
        _ segments: [HeldSegment], of owner: Int, _ link: Link
    ) throws(PostgresError) -> Int {
        let rows = try link.query(
            """
            WITH gone AS (
                DELETE FROM runner.segment s
                USING unnest($1::bigint[], $2::bigint[], $3::int[], $4::bytea[])
                    AS u(batch_id, first, code, outcomes)
                WHERE s.batch_id = u.batch_id AND s.first = u.first AND s.runner_id = $5
                RETURNING s.batch_id, s.first, s.count, s.priority, u.code, u.outcomes),
            alike AS (
                INSERT INTO runner.span (batch_id, stop, first, outcome, priority)
                SELECT batch_id, first + count, first, code, priority FROM gone WHERE code > 0),
            mixed AS (
                INSERT INTO runner.mixed (batch_id, first, count, outcomes)
                SELECT batch_id, first, count, outcomes FROM gone WHERE code = 0)
            SELECT count(*) FROM gone
            """, values(ofFinished: segments) + [.int(owner)])
        return rows.int(0, 0)
    }

    /// Adds to the numbers of jobs, those of one runner or, with 0, those of nobody in particular.
    static func add(_ tally: TallyChange, of runner: Int, _ link: Link) throws(PostgresError) {
        guard !tally.ended.isEmpty else { return }
        let (changes, totals) = (values(of: tally).prefix(3), values(of: tally).suffix(2))
        try link.query(
            """
            INSERT INTO runner.tally AS t (batch_id, outcome, runner_id, count)
            SELECT b, c, $1::bigint, n FROM unnest($2::bigint[], $3::int[], $4::bigint[]) AS u(b, c, n)
            ON CONFLICT (batch_id, outcome, runner_id) DO UPDATE SET count = t.count + excluded.count
            """, [.int(runner)] + changes)
        try link.query(
            """
            INSERT INTO runner.total AS t (outcome, runner_id, count)
            SELECT c, $1::bigint, n FROM unnest($2::int[], $3::bigint[]) AS u(c, n)
            ON CONFLICT (outcome, runner_id) DO UPDATE SET count = t.count + excluded.count
            """, [.int(runner)] + totals)
    }

    /// Records how much of a site's files counts.
    static func save(
        _ files: [OutputFile], of site: Int, _ link: Link
    ) throws(PostgresError) {
        guard !files.isEmpty else { return }
        try link.query(
            """
            INSERT INTO runner.output (site_id, id, name, format, bytes, crc32, records, sealed)
            SELECT $1::int, u.* FROM unnest($2::int[], $3::text[], $4::text[], $5::bigint[],
                $6::bigint[], $7::bigint[], $8::boolean[]) AS u
            ON CONFLICT (site_id, id) DO UPDATE SET bytes = excluded.bytes, crc32 = excluded.crc32,
                records = excluded.records, sealed = excluded.sealed
            """, [.int(site)] + values(of: files))
    }
}
