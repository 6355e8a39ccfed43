internal import JobStore

/// Waits for a queue that someone else keeps locked. A busy queue means that nothing has happened.
/// Giving up would throw away the work fetched meanwhile, and the bound on uncommitted work stops
/// the workers by itself.
struct Patience: Sendable {
    /// The longest wait, from the first refusal on.
    let limit: Duration
    let stop: StopSwitch

    func whileBusy<Result>(
        _ body: () async throws(QueueError) -> Result
    ) async throws(QueueError) -> Result {
        var givesUpMicros: Int?
        while true {
            do {
                return try await body()
            } catch {
                guard error.code == .busy, !stop.isRequested, !Task.isCancelled else { throw error }
                let now = Now.read().monotonicMicros
                givesUpMicros = givesUpMicros ?? now + limit.microseconds
                guard now < givesUpMicros! else { throw error }
            }
        }
    }
}
