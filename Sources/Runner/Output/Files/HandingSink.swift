internal import JobStore
internal import Synchronization

/// An output whose sealed files are handed over once the queue has recorded them.
final class HandingSink: Sink {
    let files: OutputFiles
    let handOver: HandOver
    /// The files of the last `write`, which are yet to be recorded.
    private let written = Locked<[OutputFile]>([])

    init(_ files: OutputFiles, _ handOver: HandOver) {
        self.files = files
        self.handOver = handOver
    }

    var needs: ResponseNeeds { files.needs }
    var storage: CaptureStorage { files.storage }
    func makeCollector() -> any Collector { files.makeCollector() }

    func write(_ deposits: [Deposit]) async throws(SinkError) -> [OutputFile] {
        let changed = try await files.write(deposits)
        if changed.contains(where: \.isSealed) { written.withLock { $0 = changed } }
        return changed
    }

    func committed() async throws(SinkError) {
        try await files.committed()
        let sealed = written.withLock { written in
            defer { written = [] }
            return written
        }
        if !sealed.isEmpty { handOver.add(files.placed(sealed)) }
    }
}
