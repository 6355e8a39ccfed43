import JobStore
import Runner

/// One of the outputs of a queue, and the path of its folder.
struct PlacedOutput {
    let folder: String
    let settings: OutputSettings
    /// The files by rising number.
    let files: [OutputFile]

    /// - Parameter queueFolder: The folder that the queue's file is in; `nil` where it is none.
    /// - Returns: `nil` where responses are not kept.
    init?(_ output: QueueOutput, from queueFolder: String?) {
        guard let settings = output.settings else { return nil }
        self.settings = settings
        folder = settings.place(from: queueFolder)
        files = output.files
    }

    /// The outputs of all sites of a queue, the one written to last first.
    static func all(
        of ledger: any JobLedger, from queueFolder: String?
    ) async throws(QueueError) -> [PlacedOutput] {
        var outputs: [PlacedOutput] = []
        for site in try await ledger.sites() {
            guard
                let output = PlacedOutput(try await ledger.output(of: site), from: queueFolder)
            else { continue }
            // A store that lets one run work at a time tells of its site before those of others.
            if site == .only { outputs.append(output) } else { outputs.insert(output, at: 0) }
        }
        return outputs
    }
}

extension [PlacedOutput] {
    /// The latest files, the last first.
    func latestFiles(max: Int) -> [(folder: String, file: OutputFile)] {
        var files: [(folder: String, file: OutputFile)] = []
        for output in self where files.count < max {
            files += output.files.suffix(max - files.count).reversed().map { (output.folder, $0) }
        }
        return files
    }
}
