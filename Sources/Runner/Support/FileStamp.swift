internal import Glibc

/// A file's inode, length and modification time, which tell one version of the file from another.
struct FileStamp: Equatable {
    private var inode: UInt = 0
    private var bytes = 0
    private var seconds = 0
    private var nanoseconds = 0

    /// The stamp of a file that does not exist.
    init() {}

    init(of path: String) {
        var found = Glibc.stat()
        guard stat(path, &found) == 0 else { return }
        inode = UInt(found.st_ino)
        bytes = Int(found.st_size)
        (seconds, nanoseconds) = (found.st_mtim.tv_sec, found.st_mtim.tv_nsec)
    }
}
