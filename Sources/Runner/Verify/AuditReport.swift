/// What was found when a queue and its output were checked.
public struct AuditReport: Sendable {
    /// Something that must not be.
    public struct Fault: Sendable {
        /// What it is about, and so what helps.
        public enum Subject: Sendable {
            /// The queue contradicts itself.
            case queue
            /// A file is not as it was written.
            case file
            /// A file is not this queue's.
            case stranger
            /// What the files hold is not what the queue says was done.
            case jobs
        }

        public let subject: Subject
        /// A sentence that names the thing.
        public let description: String
    }

    public private(set) var faults: [Fault] = []
    /// What is as it may be, and worth knowing.
    public private(set) var notes: [String] = []
    /// Output files that were read.
    public internal(set) var files = 0
    /// Records about jobs in them.
    public internal(set) var records = 0
    /// Bytes that were read, bodies in files of their own included.
    public internal(set) var bytes = 0
    /// Whether responses are kept at all.
    public internal(set) var hasOutput = false

    public var isSound: Bool { faults.isEmpty }

    /// The most faults told of the queue, and of strangers; files and jobs have bounds of their own.
    private static let limit = 20

    mutating func blame(_ subject: Fault.Subject, _ description: String) {
        faults.append(Fault(subject: subject, description: description))
    }

    mutating func blame(_ subject: Fault.Subject, _ descriptions: [String], more: String) {
        for description in descriptions.prefix(Self.limit) { blame(subject, description) }
        if descriptions.count > Self.limit {
            blame(subject, "\(descriptions.count - Self.limit) \(more)")
        }
    }

    mutating func note(_ text: String) { notes.append(text) }
}
