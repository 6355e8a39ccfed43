internal import CGlibc
internal import Glibc

/// The limits on this process's memory, where there are any. Beyond a limit, allocating fails,
/// which ends a Swift program, or the kernel ends the process.
struct MemoryCeiling: Sendable {
    /// The limit on address space in bytes (`ulimit -v`); `nil` means no limit.
    var addressSpace: Int?
    /// The limit on resident memory in bytes (a container's limit); `nil` means no limit.
    var resident: Int?

    var isAny: Bool { addressSpace != nil || resident != nil }

    static let ofProcess = MemoryCeiling(addressSpace: addressSpaceLimit, resident: groupLimit)

    static var addressSpaceLimit: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
            limit.rlim_cur < rlim_t(Int.max)
        else { return nil }
        return Int(limit.rlim_cur)
    }

    /// The lowest memory limit of the control groups (version 2) that this process is in.
    private static var groupLimit: Int? {
        guard
            let line = MachineLimits.contents(of: "/proc/self/cgroup")?.split(separator: "\n")
                .first(where: { $0.hasPrefix("0::") })
        else { return nil }
        var parts = line.dropFirst(3).split(separator: "/")
        var least: Int?
        while true {
            let folder = (["/sys/fs/cgroup"] + parts).joined(separator: "/")
            if let text = MachineLimits.contents(of: folder + "/memory.max"),
                let bytes = Int(text.prefix { $0.isNumber })
            {
                least = min(least ?? .max, bytes)
            }
            guard parts.popLast() != nil else { return least }
        }
    }

    /// The bytes left; `nil` where nothing is limited.
    var left: Int? {
        guard isAny, let pages = MachineLimits.pages else { return nil }
        return left(virtual: pages.virtual, resident: pages.resident)
    }

    func left(virtual: Int, resident used: Int) -> Int {
        min(addressSpace.map { $0 - virtual } ?? .max, resident.map { $0 - used } ?? .max)
    }
}

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

extension MemoryBudget {
    /// Makes the budget of a run.
    ///
    /// - Parameter maxBytes: The bytes asked for; the budget is smaller where the process may not
    ///   have as many.
    static func make(maxBytes: Int, workers: Int) -> MemoryBudget {
        // libcurl's own buffers are part of what bodies take.
        let buffers = workers * TransferSettings.bufferBytesMax
        let wanted = max(maxBytes - buffers, maxBytes / 4)
        guard let left = MemoryCeiling.ofProcess.left else { return MemoryBudget(limit: wanted) }
        // What the workers themselves take, and half for what lies between.
        return MemoryBudget(limit: min(wanted, max(1 << 20, (left - workers * workerBytes) / 2)))
    }

    /// The bytes of a worker's handle, task, connection and buffers, without what these grow to.
    private static let workerBytes = 64 << 10
}
