/// The error when the machine does not allow what was asked for; it says what to change.
public struct LimitError: Error, CustomStringConvertible {
    /// The action that helps: a program says it in the words of its own options and commands.
    public enum Remedy: Hashable, Sendable {
        /// Use at most so many workers, or allow the process so many open files.
        case useWorkers(Int, orOpenFiles: Int)
        /// Allow the process so many open files.
        case allowOpenFiles(Int)
        /// Allow the user more threads.
        case allowThreads
        /// Allow more local ports for each address.
        case allowPorts
    }

    /// The error in one line, without the cure.
    public let description: String
    public let remedy: Remedy

    init(_ description: String, remedy: Remedy) {
        self.description = description
        self.remedy = remedy
    }
}
