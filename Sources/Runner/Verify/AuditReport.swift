public import JobStore

/// The findings of a check of a queue and its output.
public struct AuditReport: Sendable {
    /// A state of the queue or its output that must not be.
    public struct Fault: Sendable {
        /// The thing that a fault is about, and so what helps.
        public enum Subject: Sendable {
            /// The queue contradicts itself.
            case queue
            /// A file is not as it was written.
            case file
            /// A file has a format that is not known, so that its records were not read.
            case format
            /// A file is not this queue's.
            case stranger
            /// The records in the files do not agree with the jobs of the queue.
            case jobs
        }

        public let subject: Subject
        /// A sentence that names the faulty thing.
        public let description: String
        /// The remedy of the error that is the fault; `nil` when the subject says enough.
        public let remedy: QueueError.Remedy?
    }

    public private(set) var faults: [Fault] = []
    /// Findings that are no faults, but worth knowing.
    public private(set) var notes: [String] = []
    /// Output files that were read.
    public internal(set) var files = 0
    /// Records about jobs in the files that were read.
    public internal(set) var records = 0
    /// Records of failures that later records of their jobs supersede, or will, since the jobs were
    /// put back.
    public internal(set) var superseded = 0
    /// Bytes that were read, bodies in files of their own included.
    public internal(set) var bytes = 0
    /// Whether responses are kept at all.
    public internal(set) var hasOutput = false

    public var isSound: Bool { faults.isEmpty }

    /// The most faults that are told of the queue, and of files that are not its own. Faults of
    /// files and jobs have limits of their own.
    private static let faultsMax = 20

    mutating func blame(
        _ subject: Fault.Subject, _ description: String, remedy: QueueError.Remedy? = nil
    ) {
        faults.append(Fault(subject: subject, description: description, remedy: remedy))
    }

    mutating func blame(_ subject: Fault.Subject, _ descriptions: [String], more: String) {
        for description in descriptions.prefix(Self.faultsMax) { blame(subject, description) }
        if descriptions.count > Self.faultsMax {
            blame(subject, "\(descriptions.count - Self.faultsMax) \(more)")
        }
    }

    mutating func note(_ text: String) { notes.append(text) }
}
