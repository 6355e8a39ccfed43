internal import JobStore

/// The jobs that are put back of one batch in one transaction.
struct PutBackPass {
    /// The jobs of the batch that are selected.
    enum Selection {
        case failed(FailedJobs)
        /// Completed jobs of these positions: rising runs.
        case completed([Range<Int>])
    }

    let batch: Batch
    let priority: Int
    let selection: Selection
    /// The positions that are selected.
    let positions: Range<Int>
    /// The jobs that were put back.
    var count = 0
    var tally = TallyChange()
    /// The lines that were read last.
    var hosts: BlockHosts?
    /// The logs of runners, which are locked.
    var logs: [Int: RunnerLog] = [:]

    /// Whether jobs with an outcome are selected, as far as the outcome is concerned.
    func wants(_ outcome: Outcome) -> Bool {
        switch selection {
        case .failed(let jobs): jobs.wants(outcome)
        case .completed: outcome.state == .completed
        }
    }
}

extension PostgresQueue {
    func putBack(_ pieces: [Piece], _ pass: inout PutBackPass) throws {
        let held = try heldSegments(in: pieces)
        var foreign: [Int: (entries: [LogBody.Entry], segments: [HeldSegment])] = [:]
        for piece in pieces {
            let wanted = piece.positions.clamped(to: pass.positions)
            guard !wanted.isEmpty else { continue }
            switch piece.content {
            case .alike(let code):
                guard code != 0, pass.wants(try outcome(ofCode: code)) else { continue }
                let runs = try selected(wanted, &pass)
                if case .list = pass.batch.source {
                    try putBack(runs, ofListSpan: piece.positions, code, &pass)
                } else {
                    try putBack(runs, ofSpan: piece.positions, code, &pass)
                }
            case .mixed(let codes):
                let chosen = try chosen(wanted, piece.positions.lowerBound, codes, &pass)
                try putBack(chosen, ofMixed: piece.positions, codes, &pass)
            case .segment(let runner):
                guard
                    let segment = held.segment(
                        holding: piece.positions.lowerBound, of: pass.batch.id)
                else { throw damaged("jobs \(piece.positions) cannot be read") }
                let chosen = try chosen(wanted, segment.first, segment.codes, &pass)
                guard !chosen.isEmpty else { continue }
                pass.count += chosen.count
                if runner != 0, segment.isAtRest, let row = piece.segment {
                    try cutOut(chosen, of: row, segment, runner, &pass)
                } else if runner != 0 {
                    foreign[runner, default: ([], [])].segments.append(segment)
                    foreign[runner]?.entries += chosen.map {
                        .init(batchID: pass.batch.id, position: $0, change: .putBack)
                    }
                } else {
                    try putBack(chosen, of: segment, &pass.tally)
                }
            }
        }
        for (runner, change) in foreign {
            var table = SegmentTable(change.segments)
            try write(change.entries, intoLogOf: runner, &table)
        }
        try SegmentRows.add(pass.tally, of: 0, link)
    }

    /// Cuts jobs that are put back out of a segment in which its runner does nothing but wait for
    /// retries: they become segments that nobody holds. The runner reads anew what it holds.
    ///
    /// - Parameters:
    ///   - row: The segment as its row has it. Its parts stay so, since the runner's log tells of
    ///     them still.
    ///   - segment: The segment with what the log tells of it.
    private func cutOut(
        _ chosen: [Int], of row: HeldSegment, _ segment: HeldSegment, _ runner: Int,
        _ pass: inout PutBackPass
    ) throws {
        var runs: [Range<Int>] = []
        var rest: [Range<Int>] = []
        var end = row.first
        for position in chosen {
            if position > end { rest.append(end..<position) }
            if position == end, let last = runs.last, last.upperBound == position {
                runs[runs.count - 1] = last.lowerBound..<position + 1
            } else {
                runs.append(position..<position + 1)
            }
            end = position + 1
            pass.tally.add(-1, to: .ended(segment.codes[position - row.first]), of: row.batchID)
        }
        if end < row.positions.upperBound { rest.append(end..<row.positions.upperBound) }
        let claim = try link.query(
            "DELETE FROM runner.segment WHERE batch_id = $1 AND first = $2 RETURNING claim",
            .int(row.batchID), .int(row.first)
        ).int(0, 0)
        let free = runs.map { run in
            HeldSegment(
                batchID: row.batchID, first: run.lowerBound, priority: row.priority,
                codes: [UInt8](repeating: 0, count: run.count), lane: row.lane)
        }
        try SegmentRows.insert(free, of: 0, link)
        try SegmentRows.insert(
            try parts(rest, of: row, runner, &pass), of: runner, by: claim, link)
        // The log has counted what became of these jobs since the row was written.
        var gone = TallyChange()
        for part in runs.map({ row.part($0) }) {
            gone.add(part.todo, to: .held, of: row.batchID)
            gone.add(part.tried, to: .tried, of: row.batchID)
        }
        try write([], gone, intoLogOf: runner)
    }

    /// The parts of a segment in which its runner does nothing but wait for retries.
    private func parts(
        _ runs: [Range<Int>], of row: HeldSegment, _ runner: Int, _ pass: inout PutBackPass
    ) throws -> [HeldSegment] {
        var told = SegmentTable(runs.map { row.part($0) })
        let log = try pass.logs[runner] ?? RunnerLog.read(of: runner, link)
        pass.logs[runner] = log
        try log.apply(to: &told)
        // With what the log tells, all that is to do in them was put back.
        return runs.map { run in
            let part = told.segment(holding: run.lowerBound, of: row.batchID)
            return row.part(run, returned: part.map { $0.todo - $0.returned } ?? 0)
        }
    }

    /// The positions among some that are selected, whatever the outcomes, as rising runs.
    private func selected(
        _ positions: Range<Int>, _ pass: inout PutBackPass
    ) throws -> [Range<Int>] {
        switch pass.selection {
        case .completed(let runs): runs.clamped(to: positions)
        case .failed(let jobs): try onHost(jobs.host, positions, &pass)
        }
    }

    /// The positions among some that go to a host, as rising runs; all where it is `nil`.
    private func onHost(
        _ host: HostPattern?, _ positions: Range<Int>, _ pass: inout PutBackPass
    ) throws -> [Range<Int>] {
        guard let host else { return positions.isEmpty ? [] : [positions] }
        let batch = pass.batch
        if let known = batch.hostOfTemplate { return host.matches(known) ? [positions] : [] }
        var runs: [Range<Int>] = []
        switch batch.source {
        case .range(let ids, let request):
            runs = positions.filter { host.matches(HostKey(of: request.url(for: ids.id(at: $0)))) }
                .map { $0..<$0 + 1 }
        case .list(let list):
            var next = positions.lowerBound
            while next < positions.upperBound {
                if pass.hosts?.positions.contains(next) != true {
                    pass.hosts = BlockHosts(try readBlock(holding: next, of: batch.id), of: list)
                }
                guard let hosts = pass.hosts else {
                    throw lineless(LedgerPlace(batchID: batch.id, position: next))
                }
                let end = min(hosts.positions.upperBound, positions.upperBound)
                hosts.forEach(of: next..<end) { run, key in
                    if host.matches(key) { runs.append(run) }
                }
                next = end
            }
        }
        return runs
    }

    /// The jobs to put back among some that have outcomes of their own.
    private func chosen(
        _ wanted: Range<Int>, _ first: Int, _ codes: [UInt8], _ pass: inout PutBackPass
    ) throws -> [Int] {
        var isWanted: [UInt8: Bool] = [0: false]
        for code in codes where isWanted[code] == nil {
            isWanted[code] = pass.wants(try outcome(ofCode: code))
        }
        guard isWanted.values.contains(true) else { return [] }
        return try selected(wanted, &pass).joined().filter { isWanted[codes[$0 - first]] ?? false }
    }

    /// Makes runs of a span available.
    private func putBack(
        _ runs: [Range<Int>], ofSpan span: Range<Int>, _ code: UInt8, _ pass: inout PutBackPass
    ) throws {
        guard !runs.isEmpty else { return }
        var parts: [(positions: Range<Int>, code: Int)] = []
        var end = span.lowerBound
        for run in runs {
            if run.lowerBound > end { parts.append((end..<run.lowerBound, Int(code))) }
            if let last = parts.last, last.code == 0, last.positions.upperBound == run.lowerBound {
                parts[parts.count - 1].positions = last.positions.lowerBound..<run.upperBound
            } else {
                parts.append((run, 0))
            }
            end = run.upperBound
            pass.count += run.count
            pass.tally.add(-run.count, to: .ended(code), of: pass.batch.id)
        }
        if end < span.upperBound { parts.append((end..<span.upperBound, Int(code))) }
        try link.query(
            "DELETE FROM runner.span WHERE batch_id = $1 AND stop = $2", .int(pass.batch.id),
            .int(span.upperBound))
        try insert(parts, pass)
    }

    /// Makes segments with jobs to do of jobs of a list that ended alike: each is a block of lines.
    private func putBack(
        _ runs: [Range<Int>], ofListSpan span: Range<Int>, _ code: UInt8, _ pass: inout PutBackPass
    ) throws {
        guard let low = runs.first?.lowerBound, let high = runs.last?.upperBound else { return }
        let rows = try link.query(
            """
            SELECT first, count, lane FROM runner.line
            WHERE batch_id = $1 AND first > $2 - 4096 AND first + count > $2 AND first < $3
            ORDER BY first
            """, .int(pass.batch.id), .int(low), .int(high))
        var (segments, rest): ([HeldSegment], [Range<Int>]) = ([], [])
        var end = span.lowerBound
        for row in 0..<rows.count {
            let first = rows.int(row, 0)
            let lines = (first..<first + rows.int(row, 1)).clamped(to: span)
            let chosen = runs.flatMap { Array($0.clamped(to: lines)) }
            guard !chosen.isEmpty else { continue }
            var segment = HeldSegment(
                batchID: pass.batch.id, first: lines.lowerBound, priority: pass.priority,
                codes: [UInt8](repeating: code, count: lines.count), lane: rows.int(row, 2))
            for position in chosen {
                try segment.apply(.putBack, at: position, atMicros: 0, &pass.tally)
            }
            _ = segment.giveBack()
            pass.count += chosen.count
            segments.append(segment)
            if lines.lowerBound > end { rest.append(end..<lines.lowerBound) }
            end = lines.upperBound
        }
        if end < span.upperBound { rest.append(end..<span.upperBound) }
        try link.query(
            "DELETE FROM runner.span WHERE batch_id = $1 AND stop = $2", .int(pass.batch.id),
            .int(span.upperBound))
        try insert(rest.map { ($0, Int(code)) }, pass)
        try SegmentRows.insert(segments, of: 0, link)
    }

    private func insert(_ spans: [(positions: Range<Int>, code: Int)], _ pass: PutBackPass) throws {
        try link.query(
            """
            INSERT INTO runner.span (batch_id, stop, first, outcome, priority)
            SELECT $1::bigint, u.*, $5::int FROM unnest($2::bigint[], $3::bigint[], $4::smallint[]) AS u
            """,
            .int(pass.batch.id), .ints(spans.map(\.positions.upperBound)),
            .ints(spans.map(\.positions.lowerBound)), .ints(spans.map(\.code)),
            .int(pass.priority))
    }

    /// Gives segments of a list the lanes of their lines.
    private func setLanes(of firsts: [Int], in batch: Batch) throws {
        guard case .list = batch.source else { return }
        try link.query(
            """
            UPDATE runner.segment s SET lane = (SELECT lane FROM runner.line l
                WHERE l.batch_id = $1 AND l.first <= s.first ORDER BY l.first DESC LIMIT 1)
            WHERE s.batch_id = $1 AND s.first = ANY($2::bigint[])
            """, .int(batch.id), .ints(firsts))
    }

    /// Makes a segment with jobs to do of finished jobs.
    private func putBack(
        _ chosen: [Int], ofMixed positions: Range<Int>, _ codes: [UInt8], _ pass: inout PutBackPass
    ) throws {
        guard !chosen.isEmpty else { return }
        pass.count += chosen.count
        try link.query(
            "DELETE FROM runner.mixed WHERE batch_id = $1 AND first = $2", .int(pass.batch.id),
            .int(positions.lowerBound))
        try link.query(
            """
            INSERT INTO runner.segment (batch_id, first, count, todo, priority, runner_id)
            VALUES ($1, $2, $3, 0, $4, 0)
            """,
            .int(pass.batch.id), .int(positions.lowerBound), .int(positions.count),
            .int(pass.priority))
        let segment = HeldSegment(
            batchID: pass.batch.id, first: positions.lowerBound, priority: pass.priority,
            codes: codes)
        try putBack(chosen, of: segment, &pass.tally)
        try setLanes(of: [positions.lowerBound], in: pass.batch)
    }

    /// Makes jobs of a segment available that nobody holds.
    private func putBack(
        _ chosen: [Int], of segment: HeldSegment, _ tally: inout TallyChange
    ) throws {
        var segment = segment
        for position in chosen {
            try segment.apply(.putBack, at: position, atMicros: 0, &tally)
        }
        _ = segment.giveBack()
        guard try SegmentRows.save([segment], of: 0, to: 0, link) else {
            throw damaged("a segment of batch \(segment.batchID) is gone that was locked")
        }
    }
}
