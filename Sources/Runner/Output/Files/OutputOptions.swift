/// The options given to a run for its output; `nil` for the value that the queue remembers, or else
/// the default.
public struct OutputOptions: Sendable {
    public var folder: String?
    /// The name of a format in `formats`.
    public var format: String?
    public var rotateBytes: Int?
    public static let rotateBytesDefault = 1 << 30
    public var keepsBodies: Bool?
    public var keepsFailures: Bool?
    /// The most bytes of bodies and records in memory; what goes beyond is kept in a temporary
    /// file.
    public var memoryBytesMax = CaptureStorage.defaultMemoryBytes
    /// A command of the shell that is run for each sealed file until it ends well; `nil` for none. It
    /// gets the file's path as `$1` and in `RUNNER_FILE`. Never kept.
    public var sealedFileCommand: String?
    /// The folder that the queue is in, links resolved, so that the output is found again when both
    /// were moved; `nil` when the queue is in none.
    public var queueFolder: String?

    /// The formats that the output may have. They must include all in which the queue's output
    /// was written so far.
    public var formats = OutputFormats.standard

    public init() {}

    /// Whether any option is set that needs an output.
    public var asksForOutput: Bool {
        folder != nil || format != nil || rotateBytes != nil || keepsBodies != nil
            || keepsFailures != nil || sealedFileCommand != nil
    }
}
