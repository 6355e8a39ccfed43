internal import Synchronization

/// Counts the bytes of bodies, heads and records that a run holds in memory, over all its loops.
final class MemoryBudget: Sendable {
    private let bytesMax: Int
    private let used = Atomic<Int>(0)
    /// The most bytes that the heads of a recent response took.
    private let headBytes = Atomic<Int>(0)
    private let isPassTaken = Atomic<Bool>(false)
    /// Whether the process has next to nothing left of what it is allowed.
    private let isCritical = Atomic<Bool>(false)

    /// - Parameter bytesMax: The size of the budget in bytes.
    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Takes `bytes` if that many are left.
    func take(_ bytes: Int) -> Bool {
        let (old, _) = used.add(bytes, ordering: .relaxed)
        // Heads cannot wait in a file: where they are large, half is theirs.
        let limit = headBytes.load(ordering: .relaxed) > 0 ? bytesMax / 2 : bytesMax
        guard old + bytes > limit || isCritical.load(ordering: .relaxed) else { return true }
        used.subtract(bytes, ordering: .relaxed)
        return false
    }

    /// Takes `bytes` even if fewer are left: memory that is in use already has to be counted.
    func force(_ bytes: Int) { used.add(bytes, ordering: .relaxed) }

    /// Whether nothing is left.
    var isExhausted: Bool {
        used.load(ordering: .relaxed) >= bytesMax || isCritical.load(ordering: .relaxed)
    }

    func giveBack(_ bytes: Int) { used.subtract(bytes, ordering: .relaxed) }

    /// Notes whether the process has next to nothing left.
    func setCritical(_ new: Bool) { isCritical.store(new, ordering: .relaxed) }

    // MARK: - Requests in flight

    /// Lets one response of the run go on, whatever is left of the budget, so that there is
    /// progress.
    ///
    /// - Returns: Whether the caller gets the pass, and is to give it back by `givePassBack`.
    func takePass() -> Bool { !isPassTaken.exchange(true, ordering: .relaxed) }

    func givePassBack() { isPassTaken.store(false, ordering: .relaxed) }

    /// Notes the bytes that the heads of a response took. The value learned from large heads fades
    /// as others come.
    ///
    /// - Parameter isWhole: Whether there was room for all heads of the response.
    func noteHead(bytes: Int, isWhole: Bool) {
        let known = headBytes.load(ordering: .relaxed)
        guard max(known, bytes) > 0 else { return }
        let faded = isWhole ? known - known / 64 - 1 : known
        // Loops may overwrite each other's value: one of the values counts, and the next response
        // tells again.
        headBytes.store(max(bytes, faded), ordering: .relaxed)
    }

    /// The most requests that may be in flight: as many as there is room for heads like the last
    /// ones.
    var inFlightMax: Int {
        guard !isExhausted else { return 1 }
        let bytes = headBytes.load(ordering: .relaxed)
        return bytes > 0 ? max(1, bytesMax / 2 / bytes) : .max
    }
}

/// Counts the memory that libcurl holds for the heads of a request's responses. libcurl copies
/// heads line by line, and keeps them until the handle's next request.
struct HeldHead {
    private let budget: MemoryBudget
    /// About how many bytes libcurl has allocated.
    private(set) var bytes = 0
    /// The bytes that the budget was told of; it is not told of each line.
    private var counted = 0
    private var hasPass = false
    private var isWhole = true

    /// The bytes that a line takes besides its own: a node of a list, and the allocator's own.
    private static let lineBytes = 80
    private static let step = 16 << 10
    /// The bytes that any response may hold, whatever is left of the budget.
    private static let freeBytes = 64 << 10

    init(_ budget: MemoryBudget) { self.budget = budget }

    /// Counts a line.
    ///
    /// - Returns: Whether there is room for the line. If not, the request is to be made again when
    ///   there is.
    mutating func add(line: Int) -> Bool {
        bytes += line + Self.lineBytes
        guard bytes - counted >= Self.step else { return true }
        budget.force(bytes - counted)
        counted = bytes
        guard counted > Self.freeBytes, budget.isExhausted, !hasPass else { return true }
        hasPass = budget.takePass()
        isWhole = hasPass
        return hasPass
    }

    /// Notes that libcurl has freed the heads, or is about to.
    mutating func release() {
        budget.noteHead(bytes: counted, isWhole: isWhole)
        budget.giveBack(counted)
        if hasPass { budget.givePassBack() }
        self = HeldHead(budget)
    }
}
