internal import Glibc
internal import JobStore
internal import Synchronization

/// The room on disks that a run leaves to others.
public struct DiskReserve: Sendable {
    /// The folders whose file systems are looked at.
    public let folders: [String]
    public let bytes: Int

    public init(folders: [String], bytes: Int) {
        self.folders = folders
        self.bytes = bytes
    }

    /// Returns the first folder with less free room than `bytes`, not counting room that is kept
    /// for root; `nil` when there is none.
    ///
    /// - Parameter ahead: Bytes that are about to be written.
    func shortage(ahead: Int) -> String? {
        folders.first { folder in
            guard let free = Self.freeBytes(of: folder) else { return false }
            return free - ahead < bytes
        }
    }

    /// The free room on the disk of a folder, without that kept for root; `nil` when the disk does
    /// not tell.
    public static func freeBytes(of folder: String) -> Int? {
        var system = statvfs()
        guard statvfs(folder, &system) == 0 else { return nil }
        let (free, isHuge) = Int(clamping: system.f_bavail)
            .multipliedReportingOverflow(by: Int(clamping: system.f_frsize))
        return isHuge ? nil : free
    }
}

/// Watches a reserve while a run goes on.
final class DiskWatch: Sendable {
    private let reserve: DiskReserve?
    private let found: Locked<String?>

    init(_ reserve: DiskReserve?) {
        self.reserve = reserve
        found = Locked(nil)
    }

    /// The folder that was short of room first; `nil` while none was.
    var shortage: String? { found.withLock { $0 } }

    /// - Parameter ahead: Bytes that are about to be written.
    /// - Returns: Whether a disk is short of room.
    func look(ahead: Int = 0) -> Bool {
        guard let folder = reserve?.shortage(ahead: ahead) else { return false }
        found.withLock { $0 = $0 ?? folder }
        return true
    }
}
