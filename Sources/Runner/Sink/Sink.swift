public import JobStore

/// Takes the records of a run's jobs, and keeps them.
///
/// Each event loop has a collector, which takes the records of jobs that end on the loop. What the
/// collectors gather comes to `write`, many deposits at a time; once that has returned, the jobs
/// are marked, and `committed` is called. The calls come one after another, never at once.
///
/// A kill between `write` and the mark makes the next run fetch the same jobs again. A sink whose
/// records may not come twice must find out then what was never marked: `OutputFiles` has the queue
/// record in the same transaction how much of its files counts.
public protocol Sink: Sendable {
    /// The parts of responses that records need; the same for all of a run.
    var needs: ResponseNeeds { get }

    /// The storage of heads and bodies until their records are written; the same for all of a run.
    var storage: CaptureStorage { get }

    /// Makes the collector of an event loop. Called once for each loop, before the run begins.
    func makeCollector() -> any Collector

    /// Writes deposits, and returns when their records are durable. Their jobs are marked only then.
    ///
    /// - Returns: The output files that changed, to be recorded in the transaction that marks the
    ///   jobs; empty when the sink keeps none.
    /// - Throws: `SinkError` when records cannot be kept. The run ends; none of the jobs is marked.
    func write(_ deposits: [Deposit]) async throws(SinkError) -> [OutputFile]

    /// Told that the jobs of the last `write` are marked, and the files it returned recorded. By
    /// default nothing is done.
    ///
    /// - Throws: `SinkError`, which ends the run; the jobs stay marked.
    func committed() async throws(SinkError)
}

extension Sink {
    public func committed() async throws(SinkError) {}

    /// The settings by which transfers keep responses for the sink.
    ///
    /// - Parameter failed: Called when a head or body could not be kept.
    func keeping(
        failed: @escaping @Sendable (SinkError) -> Void
    ) -> TransferSettings.Keeping {
        TransferSettings.Keeping(storage: storage, needs: needs) { [folder = storage.folder] in
            failed(SinkError(folder: folder, "a body cannot be kept in its temporary file", $0))
        }
    }
}
