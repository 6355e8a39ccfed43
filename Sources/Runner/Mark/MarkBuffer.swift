internal import JobStore

/// The marks of attempts that ended on a loop in one turn, or in a part of it, and their deposit
/// for the output.
struct Handover: Sendable {
    var marks: [Mark]
    var deposit = Deposit()
    /// The responses that lead to further requests.
    var pages: [FollowedPage] = []

    /// About how many bytes a commit writes for it.
    var size: Int { deposit.size + pages.reduce(0) { $0 + $1.size } }
}

/// Gathers marks until they are worth a commit: so early that the first mark is committed 80 ms
/// after it came (100 ms are promised, or what the store asks for), or at 5,000 jobs, or 8 MB, or when nothing else is on its
/// way. Pure: `Marker` acts.
struct MarkBuffer {
    struct Limits {
        /// The time in µs that a mark may wait until its commit is done.
        var ageMicros = 80_000
        /// The least time in µs that a mark waits for others, however slow commits are.
        var leastAgeMicros = 20_000
        var jobs = 5_000
        var bytes = 8 << 20
        /// The time in µs that a commit of many bytes is to take; a commit may have `leastBytes`
        /// bytes however long these take.
        var commitMicros = 100_000
        var leastBytes = 4 << 20
    }

    enum Next {
        case commit([Handover])
        case wait(untilMicros: Int?)
        /// The buffer is closed, and all is committed.
        case ended
    }

    private(set) var limits: Limits
    private var handovers: [Handover] = []
    private var count = 0
    private var bytes = 0
    private var oldestMicros = 0
    /// The time in µs that the last commit took.
    private var commitMicros = 0
    /// The most bytes for a commit, judging by the last ones.
    private var bytesMax: Int
    private var isLast = false
    private(set) var isClosed = false

    init(limits: Limits = Limits()) {
        self.limits = limits
        bytesMax = 2 * limits.bytes
    }

    /// Adds a handover.
    ///
    /// - Parameter isLast: Whether the handover is worth a commit at once, since no more may come
    ///   for long.
    /// - Returns: Whether to wake the marker.
    mutating func add(_ added: Handover, at now: Now, isLast: Bool = false) -> Bool {
        let wasEmpty = handovers.isEmpty
        if wasEmpty { oldestMicros = now.monotonicMicros }
        let wasDue = isFull || self.isLast
        handovers.append(added)
        count += added.marks.count
        bytes += added.size
        self.isLast = self.isLast || isLast
        return wasEmpty || ((isFull || self.isLast) && !wasDue)
    }

    /// Takes in the time from a mark to its commit that the store asks for: four fifths of it are
    /// waited for.
    mutating func pace(by interval: Duration) {
        limits.ageMicros = max(limits.leastAgeMicros, interval.microseconds / 5 * 4)
    }

    /// Notes the bytes and the time of a finished commit. The next commit is expected to take as
    /// long, and one with twice the bytes twice as long.
    mutating func committed(_ bytes: Int, inMicros micros: Int) {
        commitMicros = micros
        guard bytes >= limits.leastBytes / 2, micros > 0 else { return }
        let fitting = Int(Double(bytes) * Double(limits.commitMicros) / Double(micros))
        bytesMax = max(limits.leastBytes, min((bytesMax + fitting) / 2, 2 * limits.bytes))
    }

    /// Closes the buffer: no more handovers will come, and those gathered are committed at once.
    mutating func close() { isClosed = true }

    mutating func next(at now: Now) -> Next {
        if handovers.isEmpty { return isClosed ? .ended : .wait(untilMicros: nil) }
        let dueMicros =
            oldestMicros + max(limits.leastAgeMicros, limits.ageMicros - commitMicros)
        guard isFull || isLast || isClosed || now.monotonicMicros >= dueMicros else {
            return .wait(untilMicros: dueMicros)
        }
        return .commit(takeWhatFits())
    }

    private var isFull: Bool { count >= limits.jobs || bytes >= min(limits.bytes, bytesMax) }

    /// Takes all handovers but those that go far beyond the bytes of a commit: such a commit would
    /// take long, and a file could not be sealed in time.
    private mutating func takeWhatFits() -> [Handover] {
        var (taken, takenBytes) = (0, 0)
        while taken < handovers.count && takenBytes < bytesMax {
            takenBytes += handovers[taken].size
            count -= handovers[taken].marks.count
            taken += 1
        }
        defer {
            handovers.removeFirst(taken)
            bytes -= takenBytes
            if handovers.isEmpty { isLast = false }
        }
        return Array(handovers[..<taken])
    }
}
