internal import CGlibc
internal import Glibc

/// The limits on this process's memory, where there are any. Beyond a limit, allocating fails,
/// which ends a Swift program, or the kernel ends the process.
struct MemoryCeiling: Sendable {
    /// The limit on address space in bytes (`RLIMIT_AS`); `nil` means no limit.
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
