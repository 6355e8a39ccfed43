internal import JobStore

/// A segment with the outcome of each of its jobs, as its row and the log of its runner tell it.
/// Pure: a runner keeps those it holds in memory, and whoever looks at or takes over what a runner
/// held makes the same of them.
struct HeldSegment: Equatable {
    let batchID: Batch.ID
    let first: Int
    let priority: Int
    /// The lane of a list (`ListLane`); `nil` where the batch is none.
    let lane: Int?
    /// The codes of the jobs' outcomes; 0 for none.
    private(set) var codes: [UInt8]
    /// The jobs that wait for a retry or are being tried again, by their place in the segment.
    private(set) var retries: [Int: HeldRetry]
    /// Jobs that have no outcome.
    private(set) var todo: Int
    /// The jobs of `todo` that were put back while a runner held the segment, which does not know
    /// of them.
    private(set) var returned: Int
    /// The jobs that are being tried again.
    private(set) var tried: Int
    /// The last commit of its runner's log that does not tell of this segment: what was cut out of
    /// one segment of a runner may come to the same runner as another.
    let afterSeq: Int

    /// A job that waits for a retry, or is being tried again; times are in µs on the store's clock.
    struct HeldRetry: Equatable {
        var attempts: Int
        /// Those of `attempts` that cost the job nothing.
        var excused: Int
        /// When the first attempt was marked.
        var sinceMicros: Int
        var dueMicros: Int
        var isTried = false
    }

    /// A change that does not fit: the store contradicts itself, or somebody else's job is meant.
    struct Misfit: Error {}

    init(
        batchID: Batch.ID, first: Int, priority: Int, codes: [UInt8],
        retries: [Int: HeldRetry] = [:], returned: Int = 0, afterSeq: Int = 0, lane: Int? = nil
    ) {
        self.lane = lane
        self.batchID = batchID
        self.first = first
        self.priority = priority
        self.codes = codes
        self.retries = retries
        self.returned = returned
        self.afterSeq = afterSeq
        todo = codes.count { $0 == 0 }
        tried = retries.values.count { $0.isTried }
    }

    var place: LedgerPlace { LedgerPlace(batchID: batchID, position: first) }
    /// The positions of the jobs within the batch.
    var positions: Range<Int> { first..<first + codes.count }
    /// Whether each job has a final outcome.
    var isFinished: Bool { todo == 0 && retries.isEmpty }
    /// Whether all jobs have the same outcome.
    var isAlike: Bool { codes.allSatisfy { $0 == codes[0] } }
    /// Whether the runner that holds the segment has nothing left to do in it, and others have.
    var isLetGo: Bool { todo > 0 && todo == returned && tried == 0 }

    /// Whether the runner that holds the segment does nothing in it, but that retries wait.
    var isAtRest: Bool { todo == returned && tried == 0 }

    /// The part of the segment that some of its positions are.
    ///
    /// - Parameter returned: The jobs in it that were put back (`returned`).
    func part(_ positions: Range<Int>, returned: Int = 0) -> HeldSegment {
        let offsets = positions.lowerBound - first..<positions.upperBound - first
        var kept: [Int: HeldRetry] = [:]
        for (offset, retry) in retries where offsets.contains(offset) {
            kept[offset - offsets.lowerBound] = retry
        }
        return HeldSegment(
            batchID: batchID, first: positions.lowerBound, priority: priority,
            codes: Array(codes[offsets]), retries: kept, returned: returned, afterSeq: afterSeq,
            lane: lane)
    }

    /// The positions without an outcome, as rising runs.
    var todoRuns: [Range<Int>] {
        var runs: [Range<Int>] = []
        for (offset, code) in codes.enumerated() where code == 0 {
            let position = first + offset
            if let last = runs.last, last.upperBound == position {
                runs[runs.count - 1] = last.lowerBound..<position + 1
            } else {
                runs.append(position..<position + 1)
            }
        }
        return runs
    }

    /// The code of a job's outcome; `nil` when the job is not of this segment.
    func code(at position: Int) -> UInt8? {
        positions.contains(position) ? codes[position - first] : nil
    }

    /// The retry of a job; `nil` when it waits for none.
    func retry(at position: Int) -> HeldRetry? { retries[position - first] }

    /// Counts a change, without making it.
    func count(
        _ change: LogBody.Change, at position: Int, in tally: inout TallyChange
    ) throws(Misfit) {
        guard positions.contains(position) else { throw Misfit() }
        let (old, retry) = (codes[position - first], retries[position - first])
        switch change {
        case .tried:
            guard retry?.isTried == false else { throw Misfit() }
            tally.add(1, to: .tried, of: batchID)
            return
        case .putBack:
            guard old != 0, retry == nil else { throw Misfit() }
            tally.add(1, to: .held, of: batchID)
        case .ended(let code), .waits(let code, _):
            guard code != 0, old == 0 || retry != nil else { throw Misfit() }
            tally.add(1, to: .ended(code), of: batchID)
        }
        tally.add(-1, to: old == 0 ? .held : .ended(old), of: batchID)
        if retry?.isTried == true { tally.add(-1, to: .tried, of: batchID) }
    }

    /// Makes a change that was committed at a time in µs on the store's clock.
    ///
    /// - Parameter tally: Gets the change of the numbers.
    mutating func apply(
        _ change: LogBody.Change, at position: Int, atMicros: Int, _ tally: inout TallyChange
    ) throws(Misfit) {
        try count(change, at: position, in: &tally)
        let offset = position - first
        let (old, retry) = (codes[offset], retries[offset])
        switch change {
        case .tried:
            retries[offset]?.isTried = true
            tried += 1
        case .putBack:
            codes[offset] = 0
            todo += 1
            returned += 1
        case .ended(let code), .waits(let code, _):
            codes[offset] = code
            if old == 0 { todo -= 1 }
            if retry?.isTried == true { tried -= 1 }
            retries[offset] = Self.retry(after: change, retry, atMicros: atMicros)
        }
    }

    /// Makes the changes of some entries, all of this segment, as above.
    mutating func apply(
        _ entries: ArraySlice<LogBody.Entry>, atMicros: Int, _ tally: inout TallyChange
    ) throws(Misfit) {
        for entry in entries {
            try apply(entry.change, at: entry.position, atMicros: atMicros, &tally)
        }
    }

    /// The retry of a job after an attempt; `nil` when the job is not tried again.
    private static func retry(
        after change: LogBody.Change, _ before: HeldRetry?, atMicros: Int
    ) -> HeldRetry? {
        guard case .waits(_, let wait) = change else { return nil }
        return HeldRetry(
            attempts: wait.attempts, excused: (before?.excused ?? 0) + (wait.isExcused ? 1 : 0),
            sinceMicros: before?.sinceMicros ?? atMicros, dueMicros: atMicros + wait.waitMicros)
    }

    /// Lets go of what a runner held: retries that were being tried wait again.
    ///
    /// - Returns: The number of jobs that were held and not marked.
    mutating func giveBack() -> Int {
        let held = todo - returned + tried
        for offset in retries.keys { retries[offset]?.isTried = false }
        tried = 0
        returned = 0
        return held
    }
}

extension HeldSegment {
    // The bytes of the column `retries`: the version, the number of retries, and of each the place
    // as its distance from the one before.
    private static let version: UInt8 = 1

    /// The retries as bytes; `nil` when there are none.
    var packedRetries: [UInt8]? {
        guard !retries.isEmpty else { return nil }
        var writer = ByteWriter()
        writer.add(byte: Self.version)
        writer.add(retries.count)
        var before = 0
        for (offset, retry) in retries.sorted(by: { $0.key < $1.key }) {
            writer.add((offset - before) << 1 | (retry.isTried ? 1 : 0))
            before = offset
            writer.add(retry.attempts)
            writer.add(retry.excused)
            writer.add(max(0, retry.sinceMicros))
            writer.add(max(0, retry.dueMicros))
        }
        return writer.bytes
    }

    /// - Parameter bytes: The result of `packedRetries`.
    /// - Throws: `ByteReader.Malformed` when the bytes are no retries of `count` jobs.
    static func retries(
        in bytes: [UInt8]?, count: Int
    ) throws(ByteReader.Malformed) -> [Int: HeldRetry] {
        guard let bytes else { return [:] }
        var reader = ByteReader(bytes)
        guard try reader.byte() == version else { throw .init() }
        var retries: [Int: HeldRetry] = [:]
        var offset = 0
        for _ in 0..<(try reader.number(max: count)) {
            let head = try reader.number()
            offset += head >> 1
            guard offset < count else { throw .init() }
            let attempts = try reader.number()
            let retry = HeldRetry(
                attempts: attempts, excused: try reader.number(max: attempts),
                sinceMicros: try reader.number(), dueMicros: try reader.number(),
                isTried: head & 1 == 1)
            guard attempts > 0, retries.updateValue(retry, forKey: offset) == nil else {
                throw .init()
            }
        }
        guard reader.isAtEnd else { throw .init() }
        return retries
    }
}
