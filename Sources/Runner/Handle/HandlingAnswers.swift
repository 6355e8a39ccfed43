internal import JobStore
internal import Synchronization

/// Answers on their way to the workers that wait for them, several at a time: each loop is woken once
/// for all of its own.
final class HandlingAnswers: Sendable {
    typealias Waiter = UnsafeContinuation<Handling, Never>

    private struct State {
        var held: [(worker: Waiter, handling: Handling)] = []
        /// The time in µs of the first of them.
        var sinceMicros = 0
    }

    private let state = Locked(State())

    /// The most answers that wait for others, and the longest time in µs that one does.
    private static let heldMax = 64
    private static let waitMicrosMax = 200

    /// Adds an answer.
    ///
    /// - Parameter isLast: Whether no others are to be waited for.
    func add(_ handling: Handling, for worker: Waiter, isLast: Bool, atMicros now: Int) {
        let isDue = state.withLock { state in
            if state.held.isEmpty { state.sinceMicros = now }
            state.held.append((worker, handling))
            return isLast || state.held.count >= Self.heldMax
                || now - state.sinceMicros >= Self.waitMicrosMax
        }
        if isDue { handOver() }
    }

    /// Hands over all that is held.
    func handOver() {
        let answers = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for answer in answers { answer.worker.resume(returning: answer.handling) }
    }
}
