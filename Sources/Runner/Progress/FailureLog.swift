internal import JobStore
internal import Synchronization

/// Some of a run's failed attempts, until a sample takes them: of each outcome the first few a
/// second, so that one that is seldom is not lost among those that are not.
final class FailureLog: Sendable {
    private struct State {
        var failures: [AttemptFailure] = []
        var counts: [Outcome: Int] = [:]
        var sinceMicros = 0
    }

    private let state = Locked(State())
    /// The most failures of one outcome, and of all, in a second.
    static let ofOutcomeMax = 5
    static let max = 100

    /// Takes in an attempt that failed, or does not.
    func add(_ job: Job, _ outcome: Outcome, _ message: String, at now: Now) {
        let isTaken = state.withLock { state in
            if now.monotonicMicros - state.sinceMicros >= 1_000_000 {
                state.counts = [:]
                state.sinceMicros = now.monotonicMicros
            }
            let count = state.counts[outcome, default: 0]
            guard count < Self.ofOutcomeMax, state.failures.count < Self.max else { return false }
            state.counts[outcome] = count + 1
            return true
        }
        guard isTaken else { return }
        var url: [UInt8] = []
        job.request.appendURL(to: &url)
        let failure = AttemptFailure(
            endedAtMicros: now.wallMicros, batch: job.batchID, id: job.id,
            url: String(decoding: url, as: UTF8.self), attempt: job.attempt,
            outcome: outcome.label, isRetried: outcome.state == .retrying, message: message)
        state.withLock { $0.failures.append(failure) }
    }

    /// Takes what there is.
    func take() -> [AttemptFailure] {
        state.withLock { state in
            defer { state.failures = [] }
            return state.failures
        }
    }
}
