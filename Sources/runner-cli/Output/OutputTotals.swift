import JobStore
import Runner

/// The files that a queue's responses are in, in sum; the JSON is a contract (docs/CLI.md).
struct OutputTotals: Encodable, Equatable {
    let folder: String
    let format: String
    let files: Int
    let records: Int
    /// The bytes of the files themselves; bodies of the format `files` are beside them.
    let bytes: Int

    /// - Parameter queueFolder: The folder that the queue's file is in; `nil` where it is none.
    /// - Returns: `nil` when responses are not kept.
    init?(_ output: QueueOutput, from queueFolder: String?) {
        guard let settings = output.settings else { return nil }
        folder = settings.place(from: queueFolder)
        format = settings.format
        files = output.files.count
        records = output.files.reduce(0) { $0 + $1.records }
        bytes = output.files.reduce(0) { $0 + $1.bytes }
    }

    var line: String {
        "output: \(Format.count(records)) records in \(Format.count(files)) \(format) \(files == 1 ? "file" : "files"), \(Format.bytes(bytes)), in \(Terminal.escaped(folder))"
    }
}
