internal import Glibc
internal import JobStore

/// The reason why records cannot be kept: one line that names the thing, and the cure.
public struct SinkError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable {
        /// The disk is full.
        case full
        /// The options contradict what the queue remembers, or each other.
        case usage
        /// Anything else: the folder or a file is gone, changed, or cannot be written.
        case io
    }

    /// The action that helps, where it is one for whoever set the options: a program says it in the
    /// words of its own options.
    public enum Remedy: Hashable, Sendable {
        /// Set `OutputOptions.folder`.
        case nameFolder
        /// Name another folder.
        case nameAnotherFolder
        /// Wait for the run that writes to the folder, or name another folder.
        case waitOrNameAnotherFolder
        /// Move the file away, or name another folder.
        case moveAwayOrNameAnotherFolder
        /// Put the folder back, or name the one it is now.
        case putBackOrNameFolder
        /// Use this folder, or move its files, the hidden one included, to the one that was named.
        case useFolder(String, orMoveTo: String)
        /// Keep bodies, which `format` needs, or use one of the formats that do without.
        case keepBodies(format: String, others: [String])
        /// Use a later version of this program.
        case upgrade
    }

    public let code: Code
    /// The error in one line without a full stop. It names the cure only where there is no `remedy`.
    public let description: String
    public let remedy: Remedy?

    public init(_ code: Code, _ description: String, remedy: Remedy? = nil) {
        self.code = code
        self.description = description
        self.remedy = remedy
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
