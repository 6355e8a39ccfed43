package import JobStore

/// Waits for a queue that is locked or out of reach. Both mean that nothing has happened. Giving up
/// would throw away the work fetched meanwhile, and the bound on uncommitted work stops the workers
/// by itself.
///
/// A store may wait before it throws, as SQLite does for a lock, or not at all. So there is a pause
/// before each new try, random, so that runners that were refused together do not come back
/// together.
package struct Patience: Sendable {
    /// The longest wait, from the first refusal on.
    let limit: Duration
    let stop: StopSwitch
    /// The pauses: 50 ms at most after the first refusal, then twice as long each time, up to a
    /// second.
    var pauses = Backoff(baseMicros: 50_000, waitMicrosMax: 1_000_000)

    package init(limit: Duration, stop: StopSwitch) {
        self.limit = limit
        self.stop = stop
    }

    func whileBusy<Result>(
        _ body: () async throws(QueueError) -> Result
    ) async throws(QueueError) -> Result {
        try await repeated(while: [.busy, .unreachable], body)
    }

    /// Waits for a queue that is out of reach alone: for a call before which the queue was reached.
    package func whileUnreachable<Result>(
        _ body: () async throws(QueueError) -> Result
    ) async throws(QueueError) -> Result {
        try await repeated(while: [.unreachable], body)
    }

    private func repeated<Result>(
        while codes: Set<QueueError.Code>, _ body: () async throws(QueueError) -> Result
    ) async throws(QueueError) -> Result {
        var givesUpMicros: Int?
        var refusals = 0
        var random = SystemRandomNumberGenerator()
        while true {
            do {
                return try await body()
            } catch {
                guard codes.contains(error.code), !stop.isRequested, !Task.isCancelled
                else { throw error }
                let now = Now.read().monotonicMicros
                let end = givesUpMicros ?? now + limit.microseconds
                givesUpMicros = end
                guard now < end else { throw error }
                refusals += 1
                let pauseMicros = pauses.waitMicros(afterAttempt: refusals, using: &random)
                // Cancelled, it returns at once, and the next refusal is the last.
                try? await Task.sleep(for: .microseconds(pauseMicros))
            }
        }
    }
}
