internal import Synchronization

/// Wakes the one task that waits for something to do. Ringing before it waits is not lost.
final class Doorbell: Sendable {
    private struct State {
        var isRung = false
        var waiting: UnsafeContinuation<Void, Never>?
        /// When the earliest alarm rings, on the monotonic clock; `nil` when none is set.
        var alarmMicros: Int?
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
        if let untilMicros { setAlarm(atMicros: untilMicros) }
        await withUnsafeContinuation { continuation in
            let isRung = state.withLock { state in
                precondition(state.waiting == nil, "one task waits at a doorbell")
                if !state.isRung { state.waiting = continuation }
                defer { state.isRung = false }
                return state.isRung
            }
            if isRung { continuation.resume() }
        }
    }

    /// Rings at that time, unless an earlier alarm does: it is cheaper to wake once too often than
    /// to cancel an alarm, whose memory the runtime keeps until its time has come.
    private func setAlarm(atMicros time: Int) {
        let isEarliest = state.withLock { state in
            if let set = state.alarmMicros, set <= time { return false }
            state.alarmMicros = time
            return true
        }
        guard isEarliest else { return }
        // Not a child task: the one who waits must not wait for its alarm.
        Task {
            let leftMicros = max(0, time - Now.read().monotonicMicros)
            try? await Task.sleep(for: .microseconds(leftMicros))
            state.withLock { state in
                if state.alarmMicros == time { state.alarmMicros = nil }
            }
            ring()
        }
    }
}
