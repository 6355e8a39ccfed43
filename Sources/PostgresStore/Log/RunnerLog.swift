internal import JobStore

/// Rows of a runner's log, read in order.
struct RunnerLog {
    struct Row {
        let seq: Int
        let atMicros: Int
        let isByOthers: Bool
        let body: LogBody
    }

    let rows: [Row]

    /// Reads the log of a runner.
    ///
    /// - Parameter seq: Only what was committed after this number.
    static func read(of runner: Int, after seq: Int = 0, _ link: Link) throws -> RunnerLog {
        let rows = try link.query(
            """
            SELECT seq, at_us, by_others, body FROM runner.log
            WHERE runner_id = $1 AND seq > $2 ORDER BY seq
            """, .int(runner), .int(seq))
        return RunnerLog(
            rows: try (0..<rows.count).map { row in
                Row(
                    seq: rows.int(row, 0), atMicros: rows.int(row, 1),
                    isByOthers: rows.bool(row, 2), body: try LogBody(rows.bytes(row, 3) ?? []))
            })
    }

    /// The files as they were committed last, by rising ID.
    var files: [OutputFile] {
        var files: [Int: OutputFile] = [:]
        for row in rows { for file in row.body.files { files[file.id] = file } }
        return files.values.sorted { $0.id < $1.id }
    }

    /// Makes in segments the changes that the log tells of.
    ///
    /// - Parameter segments: Some of the runner's segments; changes of others are passed over.
    /// - Returns: The change of the numbers.
    @discardableResult
    func apply(to segments: inout SegmentTable) throws -> TallyChange {
        var tally = TallyChange()
        for row in rows {
            for entry in row.body.entries {
                try segments.change(entry, of: row.seq, atMicros: row.atMicros, &tally)
            }
        }
        return tally
    }
}

/// Segments, found by the jobs that they hold. Pure.
struct SegmentTable {
    /// By batch, each batch's by rising position.
    private var segments: [Batch.ID: [HeldSegment]] = [:]

    init() {}
    init(_ segments: [HeldSegment]) { for segment in segments { add(segment) } }

    var all: [HeldSegment] { segments.sorted { $0.key < $1.key }.flatMap(\.value) }
    var batches: Set<Batch.ID> { Set(segments.keys) }

    mutating func add(_ segment: HeldSegment) {
        let index = end(of: segment.first, in: segments[segment.batchID] ?? [])
        segments[segment.batchID, default: []].insert(segment, at: index)
    }

    mutating func remove(_ place: LedgerPlace) {
        guard let index = index(of: place.position, in: place.batchID) else { return }
        segments[place.batchID]?.remove(at: index)
        if segments[place.batchID]?.isEmpty == true { segments[place.batchID] = nil }
    }

    /// The segment that holds a job; `nil` when none does.
    func segment(holding position: Int, of batch: Batch.ID) -> HeldSegment? {
        index(of: position, in: batch).flatMap { segments[batch]?[$0] }
    }

    /// Whether the job of a batch is held by no segment.
    func lacks(_ position: Int, of batch: Batch.ID) -> Bool {
        index(of: position, in: batch) == nil
    }

    /// Makes a change in the segment that holds its job; of a job that none holds, none is made.
    ///
    /// - Parameter seq: The number of the commit that tells of the change.
    mutating func change(
        _ entry: LogBody.Entry, of seq: Int = .max, atMicros: Int, _ tally: inout TallyChange
    ) throws(HeldSegment.Misfit) {
        guard let index = index(of: entry.position, in: entry.batchID),
            segments[entry.batchID]?[index].afterSeq ?? 0 < seq
        else { return }
        try segments[entry.batchID]?[index].apply(
            entry.change, at: entry.position, atMicros: atMicros, &tally)
    }

    /// Makes the changes of a commit, whose entries are in order. Each segment is looked up once.
    ///
    /// - Returns: The segments that have changed.
    /// - Precondition: Segments hold all the jobs.
    mutating func change(
        _ entries: [LogBody.Entry], atMicros: Int, _ tally: inout TallyChange
    ) throws(HeldSegment.Misfit) -> [LedgerPlace] {
        var changed: [LedgerPlace] = []
        var rest = entries[...]
        while let first = rest.first {
            guard let index = index(of: first.position, in: first.batchID),
                let positions = segments[first.batchID]?[index].positions
            else { preconditionFailure("a change is of a job that no segment holds") }
            let run = rest.prefix {
                $0.batchID == first.batchID && positions.contains($0.position)
            }
            try segments[first.batchID]?[index].apply(run, atMicros: atMicros, &tally)
            changed.append(LedgerPlace(batchID: first.batchID, position: positions.lowerBound))
            rest = rest.dropFirst(run.count)
        }
        return changed
    }

    /// Counts the changes of a commit, whose entries are in order, without making them. Those that do
    /// not fit count as none.
    func count(_ entries: [LogBody.Entry]) -> TallyChange {
        var tally = TallyChange()
        var segment: HeldSegment?
        for entry in entries {
            if segment?.batchID != entry.batchID
                || segment?.positions.contains(entry.position) != true
            {
                segment = self.segment(holding: entry.position, of: entry.batchID)
            }
            try? segment?.count(entry.change, at: entry.position, in: &tally)
        }
        return tally
    }

    private func index(of position: Int, in batch: Batch.ID) -> Int? {
        guard let held = segments[batch] else { return nil }
        let index = end(of: position, in: held) - 1
        return index >= 0 && held[index].positions.contains(position) ? index : nil
    }

    /// The number of segments that begin at a position or before.
    private func end(of position: Int, in held: [HeldSegment]) -> Int {
        var (low, high) = (0, held.count)
        while low < high {
            let middle = (low + high) / 2
            if held[middle].first <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
