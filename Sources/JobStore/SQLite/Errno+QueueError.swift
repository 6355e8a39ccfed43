internal import Glibc

extension Errno {
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
