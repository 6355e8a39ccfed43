/// The format of the output; docs/OUTPUT.md describes each.
public enum OutputFormat: String, Sendable, CaseIterable {
    case jsonl
    case jsonlGzip = "jsonl.gz"
    case warc
    case files

    /// The name of a queue's output file number `id`, which is 1 or more.
    func name(of id: Int, isFirst: Bool) -> String {
        let number = String(repeating: "0", count: max(0, 5 - String(id).count)) + String(id)
        return switch self {
        case .jsonl: "responses-\(number).jsonl"
        case .jsonlGzip: "responses-\(number).jsonl.gz"
        case .warc: "responses-\(number).warc.gz"
        case .files: isFirst ? "index.jsonl" : "index-\(number).jsonl"
        }
    }
}

/// The options given to a run for its output; `nil` for the value that the queue remembers, or else
/// the default.
public struct OutputOptions: Sendable {
    public var folder: String?
    public var format: OutputFormat?
    public var rotateBytes: Int?
    public var keepsBodies: Bool?
    public var keepsFailures: Bool?
    /// The most bytes of bodies and records in memory; what goes beyond is kept in a temporary
    /// file.
    public var maxMemoryBytes = Self.defaultMemoryBytes
    static let defaultMemoryBytes = 256 << 20
    /// The folder that the queue is in, links resolved, so that the output is found again when both
    /// were moved; `nil` when the queue is in none.
    public var queueFolder: String?

    public init() {}

    /// Whether any option is set that needs an output.
    public var asksForOutput: Bool {
        folder != nil || format != nil || rotateBytes != nil || keepsBodies != nil
            || keepsFailures != nil
    }
}

/// Why the output cannot be written: one line that names the thing and the cure.
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

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
