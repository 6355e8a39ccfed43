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
        let outputs = try await PlacedOutput.all(of: ledger, from: folder)
        guard let last = outputs.first, let totals = OutputTotals(outputs) else {
            output = nil
            return
        }
        output = Output(
            folder: totals.folder, format: totals.format, folderCount: totals.folders,
            fileCount: totals.files,
            files: outputs.latestFiles(max: Self.filesMax).map { folder, file in
                (
                    totals.folders == 1 ? file.name : "\(folder)/\(file.name)", file.records,
                    file.bytes, file.isSealed
                )
            },
            records: totals.records, bytes: totals.bytes,
            freeBytes: DiskReserve.freeBytes(of: totals.folder),
            keepsFailures: last.settings.keepsFailures)
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
