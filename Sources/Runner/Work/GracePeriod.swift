internal import JobStore
internal import Synchronization

/// The time that requests in flight get to end once a drain was asked for.
final class GracePeriod: Sendable {
    private let length: Duration
    private let isOver: @Sendable () -> Void
    private struct State {
        var task: Task<Void, any Error>?
        var hasEnded = false
    }
    private let state = Locked(State())

    /// - Parameter isOver: Called when the period has passed.
    init(_ length: Duration, isOver: @escaping @Sendable () -> Void) {
        self.length = length
        self.isOver = isOver
    }

    /// Begins the period, unless it has begun, or the run has ended meanwhile: both a signal and a
    /// limit may end a run.
    ///
    /// - Returns: Whether the period begins now.
    @discardableResult
    func begin() -> Bool {
        state.withLock { state in
            guard !state.hasEnded, state.task == nil else { return false }
            // Not a child: the run must not wait for it.
            state.task = Task { [length, isOver] in
                try await Task.sleep(for: length)
                isOver()
            }
            return true
        }
    }

    func end() {
        state.withLock { state in
            state.hasEnded = true
            state.task?.cancel()
        }
    }
}
