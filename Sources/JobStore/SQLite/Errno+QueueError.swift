internal import CGlibc
internal import Glibc

extension Errno {
    /// Syncs a file or, with `O_DIRECTORY`, a folder: makes renames in it durable.
    static func sync(_ path: String, _ flags: Int32) throws(Errno) {
        let descriptor = open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw Errno(errno) }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Errno(errno) }
    }

    /// Renames a file to a place where nothing is.
    ///
    /// - Throws: `EEXIST` when there is something; it stays as it is.
    static func placeNew(_ draft: String, _ place: String) throws(Errno) {
        if rename_to_free_place(draft, place) == 0 { return }
        // Some file systems cannot: NFS, for one.
        guard errno == EINVAL || errno == ENOSYS else { throw Errno(errno) }
        guard access(place, F_OK) != 0 else { throw Errno(EEXIST) }
        guard rename(draft, place) == 0 else { throw Errno(errno) }
    }

    /// The error of a queue when `what`, the queue's file or one beside it, cannot be made.
    func unmakable(_ what: String) -> QueueError {
        QueueError(
            number == ENOSPC ? .full : .readOnly,
            "\(what) cannot be made: \(queueDescription); check the folder and its permissions")
    }

    /// The error when the lock of `queue` cannot be taken.
    func untakable(_ queue: String) -> QueueError {
        QueueError(.io, "the lock of the queue \(queue) cannot be taken: \(queueDescription)")
    }

    private var queueDescription: String {
        number == ESTALE
            ? "it was removed or replaced; it must stay while the queue is in use, run again"
            : description
    }
}
