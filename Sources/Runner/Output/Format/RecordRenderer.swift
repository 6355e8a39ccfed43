/// Writes records in one format. Each thread has its own, since a renderer keeps buffers and the
/// state of a compressor.
public protocol RecordRenderer: AnyObject {
    /// Appends a job's record to `bytes`.
    ///
    /// - Parameters:
    ///   - record: A job that was completed, or, where failures are kept, has failed. The captured
    ///     response is only read.
    ///   - makeRoom: To be called when `bytes` has grown by a piece of the body; may take bytes
    ///     away from `bytes`.
    /// - Throws: The error of `makeRoom` and of reading the capture. Neither fails when the capture
    ///   is in memory.
    func render(
        _ record: Record, into bytes: inout [UInt8],
        makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError)
}

/// The facts about a run that formats write down or depend on.
public struct RenderingOptions: Sendable {
    /// Whether bodies are kept. Always true in formats that cannot leave bodies out.
    public let keepsBodies: Bool
    /// The name and version of the program, as `User-Agent` has them.
    public let software: String

    public init(keepsBodies: Bool, software: String) {
        self.keepsBodies = keepsBodies
        self.software = software
    }
}
