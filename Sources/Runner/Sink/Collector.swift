/// A loop's side of a sink: takes the records of jobs that end on the loop. Used on the loop's
/// thread alone.
public protocol Collector: AnyObject {
    /// About how many bytes were collected since the last `take`. What loops hand on together, and
    /// what is written together, is bounded by this size. Asked after each record.
    var size: Int { get }

    /// Takes the record of a job that has ended: completed, or failed for good if the sink needs
    /// failures, too.
    ///
    /// This holds up all requests of the loop: what takes long is better left to `Sink.write`, by
    /// keeping the record whole in the deposit.
    ///
    /// - Returns: The record's capture when the collector has no more use for it. It is filled with
    ///   another response then, so nobody may keep it. `nil` when the record is kept.
    func collect(_ record: consuming Record) -> Capture?

    /// Gives away what was collected since the last call.
    func take() -> Deposit

    /// Told that the loop's turn ends, which is many times a second. By default nothing is done.
    func turnEnds()
}

extension Collector {
    public func turnEnds() {}
}
