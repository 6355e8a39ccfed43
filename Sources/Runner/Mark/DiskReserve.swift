internal import Glibc
internal import Synchronization

/// Room on disks that a run leaves to others.
public struct DiskReserve: Sendable {
    /// Folders whose file systems are looked at.
    public let folders: [String]
    public let bytes: Int

    public init(folders: [String], bytes: Int) {
        self.folders = folders
        self.bytes = bytes
    }

    /// The first folder with less room than that, for what is not root's; `nil` when there is none.
    ///
    /// - Parameter ahead: Bytes that are about to be written.
    func shortage(ahead: Int) -> String? {
        folders.first { folder in
            var system = statvfs()
            guard statvfs(folder, &system) == 0 else { return false }
            let (free, isHuge) = Int(clamping: system.f_bavail)
                .multipliedReportingOverflow(by: Int(clamping: system.f_frsize))
            return !isHuge && free - ahead < bytes
        }
    }
}

/// Looks after a reserve while a run goes on.
final class DiskWatch: Sendable {
    private let reserve: DiskReserve?
    private let found: Mutex<String?>

    init(_ reserve: DiskReserve?) {
        self.reserve = reserve
        found = Mutex(nil)
    }

    /// The folder that was short of room first; `nil` when none was yet.
    var shortage: String? { found.withLock { $0 } }

    /// - Parameter ahead: Bytes that are about to be written.
    /// - Returns: Whether a disk is short of room.
    func look(ahead: Int = 0) -> Bool {
        guard let folder = reserve?.shortage(ahead: ahead) else { return false }
        found.withLock { $0 = $0 ?? folder }
        return true
    }
}
