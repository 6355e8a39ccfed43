internal import JobStore

/// Gathers marks until they are worth a commit: so early that the first is committed 100 ms after it
/// came, or at 5,000 jobs, or 8 MB, or when nothing else is on its way.
/// Pure: `Marker` acts.
struct MarkBuffer {
    struct Limits {
        /// How long a mark may wait until its commit is done.
        var ageMicros = 100_000
        /// How long it waits at least, however slow commits are.
        var leastAgeMicros = 20_000
        var jobs = 5_000
        var bytes = 8 << 20
    }

    enum Next {
        case commit([Mark])
        case wait(untilMicros: Int?)
        /// Closed, and all is committed.
        case ended
    }

    let limits: Limits
    private var marks: [Mark] = []
    private var bytes = 0
    private var oldestMicros = 0
    /// How long the last commit took.
    private var commitMicros = 0
    private var isLast = false
    private(set) var isClosed = false

    init(limits: Limits = Limits()) { self.limits = limits }

    /// - Parameters:
    ///   - bytes: Of output the marks stand for.
    ///   - isLast: Whether it is worth a commit at once, since no more may come for long.
    /// - Returns: Whether the one who commits should look now.
    mutating func add(
        _ added: [Mark], bytes addedBytes: Int, at now: Now, isLast: Bool = false
    ) -> Bool {
        if marks.isEmpty { oldestMicros = now.monotonicMicros }
        let wasEmpty = marks.isEmpty
        let wasDue = isFull || self.isLast
        marks.append(contentsOf: added)
        bytes += addedBytes
        self.isLast = self.isLast || isLast
        return wasEmpty || ((isFull || self.isLast) && !wasDue)
    }

    /// A commit is done, and took so long; the next is expected to take as long.
    mutating func committed(inMicros micros: Int) { commitMicros = micros }

    /// No more will come; what is there is committed at once.
    mutating func close() { isClosed = true }

    mutating func next(at now: Now) -> Next {
        if marks.isEmpty { return isClosed ? .ended : .wait(untilMicros: nil) }
        let dueMicros =
            oldestMicros + max(limits.leastAgeMicros, limits.ageMicros - commitMicros)
        guard isFull || isLast || isClosed || now.monotonicMicros >= dueMicros else {
            return .wait(untilMicros: dueMicros)
        }
        defer {
            marks = []
            marks.reserveCapacity(limits.jobs)
            bytes = 0
            isLast = false
        }
        return .commit(marks)
    }

    private var isFull: Bool { marks.count >= limits.jobs || bytes >= limits.bytes }
}
