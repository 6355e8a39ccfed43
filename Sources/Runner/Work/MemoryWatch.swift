/// Looks now and then at how much memory the process has left, and tells the budget.
struct MemoryWatch {
    private let budget: MemoryBudget
    private let ceiling: MemoryCeiling
    private var nextLookMicros = 0
    private static let everyMicros = 5_000
    /// Room for memory that is not counted: of a commit, of a compressor, and what an allocator
    /// leaves unused.
    private static let spareBytes = 48 << 20
    /// The part of `spareBytes` that must not only be free, but must never have been used.
    private static let freshBytes = 24 << 20

    init(_ budget: MemoryBudget, _ ceiling: MemoryCeiling) {
        self.budget = budget
        self.ceiling = ceiling
    }

    /// Returns the number of requests that there is memory for.
    mutating func inFlightMax(at now: Now) -> Int {
        if ceiling.isAny, now.monotonicMicros >= nextLookMicros {
            nextLookMicros = now.monotonicMicros + Self.everyMicros
            if let left = ceiling.left { budget.setCritical(isShort(left)) }
        }
        return budget.inFlightMax
    }

    private func isShort(_ left: Int) -> Bool {
        guard left < Self.spareBytes else { return false }
        return left < Self.freshBytes || left + MachineLimits.allocatorFreeBytes < Self.spareBytes
    }
}
