internal import Glibc

/// An `errno`, with what it says.
struct SystemError: Error, CustomStringConvertible {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    var description: String {
        number == ESTALE
            ? "it was removed or replaced; it must stay while the queue is in use, run again"
            : String(cString: strerror(number))
    }

    /// What it means where something beside or under the queue was to be made.
    func unmakable(_ what: String) -> QueueError {
        QueueError(
            number == ENOSPC ? .full : .readOnly,
            "\(what) cannot be made: \(self); check the folder and its permissions")
    }

    /// What it means where the lock of `queue` was to be taken.
    func untakable(_ queue: String) -> QueueError {
        QueueError(.io, "the lock of the queue \(queue) cannot be taken: \(self)")
    }
}
