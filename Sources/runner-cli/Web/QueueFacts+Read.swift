import JobStore
import Runner
import WebView

extension QueueFacts {
    /// Reads what changes slowly: the output, and the retries that are due.
    ///
    /// - Parameter folder: The folder of the queue's file; `nil` where the queue is none.
    mutating func readSlow(_ ledger: any JobLedger, in folder: String?) async throws(QueueError) {
        retriesDue = try await ledger.retriesDue(
            in: Self.retryPeriods, of: .seconds(Self.retryPeriodSeconds))
        let output = try await ledger.output(of: .only)
        self.output = output.settings.map { settings in
            let place = settings.place(from: folder)
            return Output(
                folder: place, format: settings.format, fileCount: output.files.count,
                files: output.files.suffix(Self.filesMax).reversed().map {
                    ($0.name, $0.records, $0.bytes, $0.isSealed)
                },
                records: output.files.reduce(0) { $0 + $1.records },
                bytes: output.files.reduce(0) { $0 + $1.bytes },
                freeBytes: DiskReserve.freeBytes(of: place),
                keepsFailures: settings.keepsFailures)
        }
    }

    /// The most files of the output that are shown.
    private static let filesMax = 8
}

extension QueueFacts.State {
    init(_ phase: RunPhase) {
        self =
            switch phase {
            case .running: .running
            case .paused: .paused
            case .stalled: .stalled
            case .waiting: .waiting
            case .stopping: .stopping
            }
    }
}
