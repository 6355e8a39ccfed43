internal import Synchronization

/// How many bytes of bodies and records a run holds in memory, over all its loops.
final class MemoryBudget: Sendable {
    private let limit: Int
    private let used = Atomic<Int>(0)

    /// - Parameter limit: In bytes.
    init(limit: Int) { self.limit = limit }

    /// Takes `bytes` if that many are left.
    func take(_ bytes: Int) -> Bool {
        let (old, _) = used.add(bytes, ordering: .relaxed)
        guard old + bytes > limit else { return true }
        used.subtract(bytes, ordering: .relaxed)
        return false
    }

    /// Takes `bytes` whether or not they are left: what exists already has to be counted.
    func force(_ bytes: Int) { used.add(bytes, ordering: .relaxed) }

    /// Whether nothing is left.
    var isExhausted: Bool { used.load(ordering: .relaxed) >= limit }

    func giveBack(_ bytes: Int) { used.subtract(bytes, ordering: .relaxed) }
}
