internal import Glibc

/// An `errno`, with its description.
struct SystemError: Error, CustomStringConvertible {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    var description: String {
        number == ESTALE
            ? "it was removed or replaced; it must stay while the queue is in use, run again"
            : String(cString: strerror(number))
    }

    /// The error of a queue when `what`, the queue's file or one beside it, cannot be made.
    func unmakable(_ what: String) -> QueueError {
        QueueError(
            number == ENOSPC ? .full : .readOnly,
            "\(what) cannot be made: \(self); check the folder and its permissions")
    }

    /// The error when the lock of `queue` cannot be taken.
    func untakable(_ queue: String) -> QueueError {
        QueueError(.io, "the lock of the queue \(queue) cannot be taken: \(self)")
    }
}
