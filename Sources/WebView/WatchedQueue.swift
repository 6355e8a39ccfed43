public import Runner

/// A queue as the web page sees it, and what can be asked of it.
public protocol WatchedQueue: Sendable {
    /// The name of the queue for people, such as the path of its file.
    var title: String { get }
    /// The samples, the course, the events and the failures.
    var monitor: RunMonitor { get }
    /// All else that is known of the queue at present. Quick: called several times a second.
    var facts: QueueFacts { get }

    /// Does what somebody has asked for on the page.
    ///
    /// - Throws: `ActionRefusal`, which says why nothing was done.
    func perform(_ action: QueueAction) async throws(ActionRefusal) -> ActionResult
}

/// Facts of a queue and its run that a page shows beside the samples.
public struct QueueFacts: Sendable {
    /// The state in which the queue is for people.
    public enum State: String, Sendable, CaseIterable {
        /// The run has not begun yet.
        case starting
        case running, paused, stalled, waiting, stopping
        /// The run of this process is over.
        case ended
        /// Nobody runs the queue.
        case idle
        /// The queue cannot be read at present.
        case unreadable
    }

    /// The output of the queue, in all folders that it has.
    public struct Output: Sendable {
        /// The folder written to last, and its format.
        public let folder: String
        public let format: String
        public let folderCount: Int
        public let fileCount: Int
        /// The latest files, the last first; of several folders, with their paths.
        public let files: [(name: String, records: Int, bytes: Int, isSealed: Bool)]
        public let records: Int
        public let bytes: Int
        /// `nil` when the disk does not tell.
        public let freeBytes: Int?
        /// Whether jobs that failed for good have records, too.
        public let keepsFailures: Bool

        public init(
            folder: String, format: String, folderCount: Int = 1, fileCount: Int,
            files: [(name: String, records: Int, bytes: Int, isSealed: Bool)], records: Int,
            bytes: Int, freeBytes: Int?, keepsFailures: Bool
        ) {
            self.folder = folder
            self.format = format
            self.folderCount = folderCount
            self.fileCount = fileCount
            self.files = files
            self.records = records
            self.bytes = bytes
            self.freeBytes = freeBytes
            self.keepsFailures = keepsFailures
        }
    }

    public var state = State.starting
    /// The process of the run; `nil` when none is going on.
    public var pid: Int?
    /// The Unix time in µs when the run began.
    public var startedAtMicros: Int?
    /// Whether the queue is paused, for runs to come, too.
    public var isPaused = false
    /// Whether the run can be asked to drain from here.
    public var canDrain = false
    /// The reason that the queue cannot be read; empty when it can.
    public var trouble = ""
    /// `nil` where responses are not kept, or before it is known.
    public var output: Output?
    /// The number of retries that are due in each `retryPeriodSeconds` from now on.
    public var retriesDue: [Int] = []
    /// The option of commands that names the queue, with a space in front; empty where commands
    /// need none.
    public var queueOption = ""

    public static let retryPeriodSeconds = 10
    public static let retryPeriods = 60

    public init() {}
}

/// Something that people ask of a queue on its page.
public enum QueueAction: Sendable, Equatable {
    case pause
    case resume
    /// To finish the requests in flight and end the run.
    case drain
    /// To keep to other limits: texts by the names of the command's options, such as `rate`.
    case limit([String: String])
    /// To put back jobs that failed with these outcomes, as a command names them.
    case retry(outcomes: String)
}

/// The result of an action.
public struct ActionResult: Sendable {
    /// A sentence for people.
    public let text: String
    /// The command that does the same.
    public let command: String

    public init(text: String, command: String) {
        self.text = text
        self.command = command
    }
}

/// An action that was not done.
public struct ActionRefusal: Error {
    /// The reason, and what to do about it.
    public let message: String

    public init(_ message: String) { self.message = message }
}
