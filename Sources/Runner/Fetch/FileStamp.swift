internal import Glibc

/// What tells one version of a file from another.
struct FileStamp: Equatable {
    private var inode: UInt = 0
    private var bytes = 0
    private var seconds = 0
    private var nanoseconds = 0

    /// Of a file that is not there.
    init() {}

    init(of path: String) {
        var found = Glibc.stat()
        guard stat(path, &found) == 0 else { return }
        inode = UInt(found.st_ino)
        bytes = Int(found.st_size)
        (seconds, nanoseconds) = (found.st_mtim.tv_sec, found.st_mtim.tv_nsec)
    }
}
