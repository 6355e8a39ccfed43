/// The format `warc`: WARC 1.1, a gzip member a record.
///
/// - SeeAlso: <https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/>
public struct WARC: OutputFormat {
    public init() {}

    public let name = "warc"
    public let fileNames = OutputFileNames(suffix: ".warc.gz")
    public let needs: ResponseNeeds = [.bodies, .encoding, .redirects]
    public let bodies = BodyPlacement.inRecords

    public func makeRenderer(_ options: RenderingOptions) -> any RecordRenderer {
        WARCRenderer()
    }

    public func makeEncoder(_ options: RenderingOptions) -> any FileEncoder {
        WARCEncoder(options)
    }

    public func makeReader(_ file: FileToRead) -> any RecordReader { WARCReader(file) }
}

/// Begins each file with its `warcinfo` record.
private final class WARCEncoder: FileEncoder {
    private let renderer = WARCRenderer()
    private let software: String

    init(_ options: RenderingOptions) { software = options.software }

    func begin(_ name: String, append: Append) throws(SinkError) {
        let info = renderer.renderFileInfo(
            name: name, software: software, atMicros: Now.read().wallMicros)
        try info.withRawBytes(append)
    }
}
