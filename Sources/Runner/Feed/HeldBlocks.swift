internal import JobStore

/// The blocks of lists that a run holds, and those of them that go back to the queue since all that
/// is left of them waits for hosts. Pure.
///
///     claimed ──▶ open ──its last job is marked──▶ done with
///                  └──let go of──▶ leaving ──nothing is in flight──▶ parked
struct HeldBlocks {
    private var open: OpenBlocks
    private var parked = ParkedBlocks()
    /// The time in µs on the monotonic clock before which blocks are not looked at for parking.
    private var nextLookMicros = 0
    private let limits: JobFeed.Limits

    init(limits: JobFeed.Limits) {
        self.limits = limits
        open = OpenBlocks(sparseBytes: limits.sparseBytes)
    }

    // MARK: - Room

    /// Whether so much of lists is in memory that no more is claimed.
    ///
    /// - Parameter waiting: The jobs of lists that wait for hosts.
    func areTooMany(waiting: Int) -> Bool {
        waiting >= limits.waitingOfLists || open.byteCount >= limits.blockBytes
    }

    /// Whether there is room for blocks that were given back.
    ///
    /// - Parameter waiting: As in `areTooMany`.
    func haveRoom(waiting: Int) -> Bool {
        waiting < limits.waitingOfLists / 2 && open.byteCount < limits.waitingBytes / 2
    }

    /// The time in µs on the monotonic clock of the next look at blocks that may go back, perhaps in
    /// the past; `nil` while too little is in memory for one.
    ///
    /// - Parameter waiting: As in `areTooMany`.
    func lookMicros(waiting: Int) -> Int? {
        let isMuch =
            waiting >= limits.waitingOfLists
            || open.stayingByteCount >= limits.waitingBytes && waiting > 0
        return isMuch ? nextLookMicros : nil
    }

    // MARK: - The way of a block

    /// Takes in a segment that was claimed.
    mutating func add(_ segment: Segment) { open.add(segment) }

    /// Takes in the lines of the segments that were claimed.
    mutating func read(_ spans: [JobSpan]) {
        var last: ListRequests?
        for span in spans {
            guard case .list(let requests) = span.chunk.requests, requests !== last else {
                continue
            }
            last = requests
            open.read(requests, with: span.first, of: span.chunk.batch.id)
        }
    }

    /// Takes in that a job's first attempt is marked, or that the job goes back with its block.
    mutating func leave(_ position: Int, of batch: Batch.ID) {
        if let id = open.leave(position, of: batch) { parked.add(id) }
    }

    /// Takes in that a job was given back.
    ///
    /// - Returns: Whether the job goes back with its block, so that it is not handed out again.
    mutating func giveBack(_ job: Job) -> Bool {
        guard job.attempt == 1, job.chunk.isOfList, open.isLeaving(job.position, of: job.batchID)
        else { return false }
        leave(job.position, of: job.batchID)
        return true
    }

    /// Lets go of blocks of which all that is ready waits for hosts, until half of the room for such
    /// is free. What is in flight of a block ends before the block goes back.
    mutating func letGo(from lanes: inout Lanes, at now: Now) {
        nextLookMicros = now.monotonicMicros + limits.parkLookMicros
        var (bytes, jobs) = (open.stayingByteCount, lanes.totals.waitingListed)
        let areTooMany = jobs >= limits.waitingOfLists
        var gone: [OpenBlocks.ID: Int] = [:]
        // Those that take most of what there is too much of, for what they give.
        let waits = open.waits(in: lanes).filter { !$0.isPartlyOpen }
            .sorted { areTooMany ? $0.jobs > $1.jobs : $0.jobs < $1.jobs }
        for wait in waits where bytes > limits.waitingBytes / 2 || jobs > limits.waitingOfLists / 2
        {
            gone[wait.id] = wait.jobs
            bytes -= wait.byteCount
            jobs -= wait.jobs
            if wait.isOfOneHost {
                parked.rest(wait.lane, untilMicros: now.monotonicMicros + limits.parkMicros)
            }
        }
        guard !gone.isEmpty else { return }
        var dropped: [JobSpan] = []
        lanes.removeListed { [open] span in
            let id = open.block(of: span.first, span.chunk.batch.id)
            guard let id, gone[id] != nil else { return false }
            dropped.append(span)
            return true
        }
        for span in dropped { open.drop(span) }
        for (id, jobs) in gone {
            if let id = open.letGo(of: id, jobs: jobs) { parked.add(id) }
        }
    }

    // MARK: - Back to the queue

    /// Whether some blocks wait to go back.
    var areLeaving: Bool { !parked.isEmpty }

    /// Takes out blocks that go back, for a time in µs.
    mutating func takeParked() -> (ids: [OpenBlocks.ID], micros: Int)? {
        parked.takeNext(firstMicros: limits.parkMicros)
    }

    /// The lanes that are left alone now, since their one host keeps jobs waiting.
    mutating func restingLanes(at now: Now) -> Set<ListLane> { parked.lanes(at: now) }
}
