internal import Glibc
internal import JobStore

/// The reason why records cannot be kept: one line that names the thing and the cure.
public struct SinkError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable {
        /// The disk is full.
        case full
        /// The options contradict what the queue remembers, or each other.
        case usage
        /// Anything else: the folder or a file is gone, changed, or cannot be written.
        case io
    }

    public let code: Code
    public let description: String

    /// - Parameter description: One line without a full stop, as shown to the user.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// The error for a call of the system that failed in an output folder.
    ///
    /// - Parameter what: The thing that failed, as a clause such as `it cannot be opened`.
    init(folder path: String, _ what: String, _ error: Errno) {
        switch error.number {
        case ENOSPC, EDQUOT:
            self.init(
                .full,
                "no space left in the output folder \(path); make room and run again: nothing marked is lost"
            )
        default:
            self.init(
                .io,
                "the output folder \(path): \(what): \(error); check the disk and its permissions and run again: nothing marked is lost"
            )
        }
    }
}
