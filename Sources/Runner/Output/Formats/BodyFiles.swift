/// The format `files`: a file a body, and an index of them with a JSON object a line.
public struct BodyFiles: OutputFormat {
    public init() {}

    public let name = "files"
    public let fileNames = OutputFileNames(
        stem: "index-", suffix: ".jsonl", first: "index.jsonl")
    public let needs: ResponseNeeds = .bodies
    public let bodies = BodyPlacement.inFiles

    public func makeRenderer(_ options: RenderingOptions) -> any RecordRenderer {
        JSONLinesRenderer(keepsBodies: true, isIndex: true)
    }

    public func makeReader(_ file: FileToRead) -> any RecordReader {
        let check = BodyCheck(file)
        return JSONLinesReader(file) { line, record throws(Damage) in
            try check.check(line, record)
        }
    }
}
