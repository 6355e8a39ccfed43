import JobStore
import Runner

/// The files that a queue's responses are in, in sum; the JSON is a contract (docs/CLI.md).
struct OutputTotals: Encodable, Equatable {
    /// The folder written to last, and its format.
    let folder: String
    let format: String
    /// The number of folders.
    let folders: Int
    let files: Int
    let records: Int
    /// The bytes of the files themselves; bodies of the format `files` are beside them.
    let bytes: Int

    /// - Parameter queueFolder: The folder that the queue's file is in; `nil` where it is none.
    /// - Returns: `nil` when responses are not kept.
    init?(_ output: QueueOutput, from queueFolder: String?) {
        self.init(PlacedOutput(output, from: queueFolder).map { [$0] } ?? [])
    }

    /// - Parameter outputs: The outputs of all sites, the one written to last first.
    init?(_ outputs: [PlacedOutput]) {
        guard let last = outputs.first else { return nil }
        folder = last.folder
        format = last.settings.format
        folders = outputs.count
        files = outputs.reduce(0) { $0 + $1.files.count }
        records = outputs.reduce(0) { $1.files.reduce($0) { $0 + $1.records } }
        bytes = outputs.reduce(0) { $1.files.reduce($0) { $0 + $1.bytes } }
    }

    var line: String {
        let kind = folders == 1 ? "\(format) " : ""
        let more = folders == 1 ? "" : " and \(Format.count(folders - 1)) more folders"
        return
            "output: \(Format.count(records)) records in \(Format.count(files)) \(kind)\(files == 1 ? "file" : "files"), \(Format.bytes(bytes)), in \(Terminal.escaped(folder))\(folders == 2 ? " and another folder" : more)"
    }
}
