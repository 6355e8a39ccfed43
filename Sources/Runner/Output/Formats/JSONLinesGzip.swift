/// The format `jsonl.gz`: a JSON object a line, gzipped. Each commit is a gzip member.
public struct JSONLinesGzip: OutputFormat {
    public init() {}

    public let name = "jsonl.gz"
    public let fileNames = OutputFileNames(suffix: ".jsonl.gz")
    public let needs: ResponseNeeds = .bodies
    public let bodies = BodyPlacement.inRecordsUnlessLeftOut

    public func makeRenderer(_ options: RenderingOptions) -> any RecordRenderer {
        JSONLinesRenderer(keepsBodies: options.keepsBodies)
    }

    public func makeEncoder(_ options: RenderingOptions) -> any FileEncoder { GzipEncoder() }

    public func makeReader(_ file: FileToRead) -> any RecordReader {
        JSONLinesReader(file, lines: Gunzip(file.bytes))
    }
}

/// Compresses each commit to a gzip member. The records of a loop's turn would be too few to
/// compress well.
private final class GzipEncoder: FileEncoder {
    private let deflater = Deflater(for: .streams)
    private var compressed: [UInt8] = []
    private static let keptBytesMax = 512 << 10

    func add(_ records: UnsafeRawBufferPointer, append: Append) throws(SinkError) {
        deflater.add(records, to: &compressed)
        try flush(append)
    }

    func endCommit(append: Append) throws(SinkError) {
        deflater.finish(into: &compressed)
        try flush(append)
    }

    private func flush(_ append: Append) throws(SinkError) {
        guard !compressed.isEmpty else { return }
        try compressed.withRawBytes(append)
        compressed.removeAll(keepingCapacity: compressed.capacity <= Self.keptBytesMax)
    }
}
