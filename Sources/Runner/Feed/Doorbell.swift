internal import Synchronization

/// Wakes the one task that waits for something to do. Ringing before it waits is not lost.
final class Doorbell: Sendable {
    private struct State {
        var isRung = false
        var waiting: UnsafeContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func ring() {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            state.isRung = state.waiting == nil
            return state.waiting
        }
        waiting?.resume()
    }

    /// Returns once rung, or at `untilMicros` on the monotonic clock. May return early.
    func wait(untilMicros: Int?) async {
        // Not a child task: the waiter must not wait for its alarm.
        let alarm = untilMicros.map { untilMicros in
            Task {
                try await Task.sleep(
                    for: .microseconds(max(0, untilMicros - Now.read().monotonicMicros)))
                self.ring()
            }
        }
        await withUnsafeContinuation { continuation in
            let isRung = state.withLock { state in
                precondition(state.waiting == nil, "one task waits at a doorbell")
                if !state.isRung { state.waiting = continuation }
                defer { state.isRung = false }
                return state.isRung
            }
            if isRung { continuation.resume() }
        }
        alarm?.cancel()
    }
}
