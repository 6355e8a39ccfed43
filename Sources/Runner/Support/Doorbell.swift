internal import JobStore
internal import Synchronization

/// Wakes the one task that waits for something to do. A ring before the task waits is not lost.
final class Doorbell: Sendable {
    private struct State {
        var isRung = false
        var waiting: UnsafeContinuation<Void, Never>?
        /// The time of the earliest alarm, on the monotonic clock; `nil` when none is set.
        var alarmMicros: Int?
    }

    private let state = Locked(State())

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

    /// Sets an alarm that rings at `time`, unless an earlier one is set. Alarms are never
    /// cancelled: waking once too often is cheaper than cancelling an alarm, whose memory the
    /// runtime keeps until its time has come.
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
