/// The format `jsonl`: a JSON object a line.
public struct JSONLines: OutputFormat {
    public init() {}

    public let name = "jsonl"
    public let fileNames = OutputFileNames(suffix: ".jsonl")
    public let needs: ResponseNeeds = .bodies
    public let bodies = BodyPlacement.inRecordsUnlessLeftOut

    public func makeRenderer(_ options: RenderingOptions) -> any RecordRenderer {
        JSONLinesRenderer(keepsBodies: options.keepsBodies)
    }

    public func makeReader(_ file: FileToRead) -> any RecordReader { JSONLinesReader(file) }
}
