internal import JobStore

/// The retries that wait with a runner, by the time they are due. Pure.
struct RetryList {
    /// A retry as it was when it began to wait; it may be over since.
    struct Waiting: Equatable {
        let dueMicros: Int
        let batchID: Batch.ID
        let position: Int

        var place: LedgerPlace { LedgerPlace(batchID: batchID, position: position) }
    }

    /// The first `sortedCount` of these by rising time.
    private var waiting: [Waiting] = []
    private var sortedCount = 0

    mutating func add(_ retry: Waiting) { waiting.append(retry) }

    /// Adds the retries of a segment.
    mutating func add(_ segment: HeldSegment) {
        for (offset, retry) in segment.retries {
            add(
                .init(
                    dueMicros: retry.dueMicros, batchID: segment.batchID,
                    position: segment.first + offset))
        }
    }

    /// Takes retries that are due, the longest due first. One further ahead than `Retry.aheadMax`
    /// was written before the clock was set back, and is due.
    ///
    /// - Parameter isWaiting: Whether a retry waits still; others are dropped.
    mutating func takeDue(
        at nowMicros: Int, limit: Int, where isWaiting: (Waiting) -> Bool
    ) -> [Waiting] {
        sort()
        let aheadMicros = nowMicros + Retry.aheadMax.microseconds
        var due: [Waiting] = []
        var index = 0
        while index < waiting.count, due.count < limit, waiting[index].dueMicros <= nowMicros {
            if isWaiting(waiting[index]) { due.append(waiting[index]) }
            index += 1
        }
        waiting.removeFirst(index)
        while due.count < limit, let last = waiting.last, last.dueMicros > aheadMicros {
            waiting.removeLast()
            if isWaiting(last) { due.append(last) }
        }
        sortedCount = waiting.count
        return due
    }

    /// The time in µs until the next retry is due; `nil` when none waits.
    mutating func nextDueMicros(at nowMicros: Int, where isWaiting: (Waiting) -> Bool) -> Int? {
        sort()
        let over = waiting.prefix { !isWaiting($0) }.count
        waiting.removeFirst(over)
        sortedCount = waiting.count
        guard let first = waiting.first else { return nil }
        let aheadMicros = nowMicros + Retry.aheadMax.microseconds
        if let last = waiting.last, last.dueMicros > aheadMicros { return 0 }
        return max(0, first.dueMicros - nowMicros)
    }

    /// New ones lie behind those that are sorted, so this costs little more than a look at each.
    private mutating func sort() {
        guard sortedCount < waiting.count else { return }
        waiting.sort { $0.dueMicros < $1.dueMicros }
        sortedCount = waiting.count
    }
}
