/// A format of the output: how responses become records, and records files. docs/OUTPUT.md
/// describes the formats there are.
///
/// A format is one type. All that the output and its check know of the format, they ask that type.
public protocol OutputFormat: Sendable {
    /// The name that users give the format, and by which queues remember it; never changed.
    var name: String { get }

    /// The names of the format's files.
    var fileNames: OutputFileNames { get }

    /// The parts of a response that records are made of. Bodies are not kept where the user leaves
    /// them out, and failures are where the user wants them: a format need not ask for these.
    var needs: ResponseNeeds { get }

    /// The place of bodies.
    var bodies: BodyPlacement { get }

    /// The change of a file's bytes when the file is sealed; by default nothing. If there is one,
    /// the encoder makes it.
    var sealing: Sealing { get }

    /// Makes a renderer of records: one for each loop, and one for the thread that writes.
    func makeRenderer(_ options: RenderingOptions) -> any RecordRenderer

    /// Makes the encoder of a run's files. By default files hold the rendered records as they are.
    func makeEncoder(_ options: RenderingOptions) -> any FileEncoder

    /// Makes a reader of the records of one file, by which the output is checked.
    func makeReader(_ file: FileToRead) -> any RecordReader
}

extension OutputFormat {
    public var sealing: Sealing { .nothing }

    public func makeEncoder(_ options: RenderingOptions) -> any FileEncoder { PlainEncoder() }
}

/// The place of bodies in the output.
public enum BodyPlacement: Sendable {
    /// Bodies are in the records, and cannot be left out.
    case inRecords
    /// Bodies are in the records unless the user leaves them out.
    case inRecordsUnlessLeftOut
    /// Each body has a file of its own, named by its job. The files are written by the output; the
    /// records tell about them.
    case inFiles
}
