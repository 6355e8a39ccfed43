internal import JobStore

/// Gathers marks until they are worth a commit: 100 ms after the first, or 5,000 jobs, or 8 MB.
/// Pure: `Marker` acts.
struct MarkBuffer {
    struct Limits {
        var ageMicros = 100_000
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
    private(set) var isClosed = false

    init(limits: Limits = Limits()) { self.limits = limits }

    /// - Parameter bytes: Of output the marks stand for.
    /// - Returns: Whether the one who commits should look now.
    mutating func add(_ added: [Mark], bytes addedBytes: Int, at now: Now) -> Bool {
        if marks.isEmpty { oldestMicros = now.monotonicMicros }
        let wasEmpty = marks.isEmpty
        let wasFull = isFull
        marks.append(contentsOf: added)
        bytes += addedBytes
        return wasEmpty || (isFull && !wasFull)
    }

    /// No more will come; what is there is committed at once.
    mutating func close() { isClosed = true }

    mutating func next(at now: Now) -> Next {
        if marks.isEmpty { return isClosed ? .ended : .wait(untilMicros: nil) }
        let dueMicros = oldestMicros + limits.ageMicros
        guard isFull || isClosed || now.monotonicMicros >= dueMicros else {
            return .wait(untilMicros: dueMicros)
        }
        defer {
            marks = []
            marks.reserveCapacity(limits.jobs)
            bytes = 0
        }
        return .commit(marks)
    }

    private var isFull: Bool { marks.count >= limits.jobs || bytes >= limits.bytes }
}
