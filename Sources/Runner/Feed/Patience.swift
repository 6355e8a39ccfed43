internal import JobStore

/// Waits for a queue that someone else keeps locked. Busy means that nothing has happened: giving up
/// would throw away what was fetched meanwhile, and the bound on what is not committed stops the
/// workers by itself.
struct Patience: Sendable {
    /// From the first refusal on.
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
