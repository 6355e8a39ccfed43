internal import Glibc
internal import JobStore

/// A lock in the kernel that shows others on this machine that a runner lives: it goes with the
/// process, however that ends.
///
/// The lock files of a user's runners are in one folder, under names that nobody else has. Where a
/// file is missing (another machine, another user, a container of its own), nothing is known, and the
/// runner's heartbeat decides.
final class RunnerLock {
    private let path: String

    // A lock is held for as long as its file is open.
    private let file: LockFile

    /// Takes the lock of a new runner.
    ///
    /// - Parameter take: Takes the lock of a file that was opened.
    /// - Returns: `nil` where this machine gives no place for it.
    init?(
        instance: String,
        take: (borrowing LockFile) throws -> Bool = { try $0.take(.run, patienceMillis: 0) }
    ) {
        guard let folder = Self.folder, mkdir(folder, 0o700) == 0 || errno == EEXIST,
            Self.isOurs(folder)
        else { return nil }
        path = "\(folder)/\(instance)"
        guard let file = try? LockFile(path: path, readOnly: false) else { return nil }
        do {
            guard try take(file) else { return nil }
        } catch {
            // Others would find it free, and take a runner over that lives.
            unlink(path)
            return nil
        }
        self.file = file
    }

    /// Whether the runner's process is gone for certain.
    static func isGone(instance: String) -> Bool {
        guard let folder, isOurs(folder), !instance.isEmpty, !instance.contains("/") else {
            return false
        }
        return isFree("\(folder)/\(instance)")
    }

    /// The places in a list of those instances whose process is gone for certain.
    static func gone(among instances: [String]) -> [Int] {
        guard let folder, isOurs(folder) else { return [] }
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        // Most runners of a large fleet are on other machines: whether there is a file is asked first.
        return instances.indices.filter { index in
            let instance = instances[index]
            return !instance.isEmpty && !instance.utf8.contains(UInt8(ascii: "/"))
                && faccessat(descriptor, instance, F_OK, 0) == 0
                && isFree("\(folder)/\(instance)")
        }
    }

    private static func isFree(_ path: String) -> Bool {
        guard let file = try? LockFile(path: path, readOnly: true) else { return false }
        return file.isTaken(.run) == false
    }

    /// Removes what a runner that was taken over has left.
    static func clear(instance: String) {
        guard let folder, isOurs(folder), !instance.isEmpty, !instance.contains("/") else { return }
        unlink("\(folder)/\(instance)")
    }

    private static var folder: String? { "/tmp/runner-\(geteuid())" }

    /// Whether nobody else could have put files there.
    private static func isOurs(_ folder: String) -> Bool {
        var facts = stat()
        return lstat(folder, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
            && facts.st_uid == geteuid() && facts.st_mode & 0o077 == 0
    }
}
