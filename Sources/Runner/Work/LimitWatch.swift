internal import JobStore
internal import Synchronization

/// Watches the limits of a run while it goes on, and stops it once when one is reached.
final class LimitWatch: Sendable {
    private struct State {
        var ended = StopLimits.Ended()
        var reached: StopLimits.Limit?
        var stop: (@Sendable () -> Void)?
    }

    private let limits: StopLimits
    private let startMicros = Now.read().monotonicMicros
    private let state = Locked(State())

    /// The longest time in µs between two looks at the clock, which somebody may set.
    private static let lookMicros = 5_000_000

    /// - Returns: `nil` when there are no limits.
    init?(_ limits: StopLimits) {
        guard limits.isAny else { return nil }
        self.limits = limits
    }

    /// The limit that was reached first; `nil` while none was.
    var reached: StopLimits.Limit? { state.withLock { $0.reached } }

    /// - Parameter stop: Called once, when a limit is reached; at once if one is already.
    func connect(stop: @escaping @Sendable () -> Void) {
        let isReached = state.withLock { state in
            state.stop = stop
            return state.reached != nil
        }
        if isReached { stop() }
    }

    func disconnect() { state.withLock { $0.stop = nil } }

    /// Counts attempts that ended.
    func add(_ ended: StopLimits.Ended) {
        let stop = state.withLock { state -> (@Sendable () -> Void)? in
            state.ended += ended
            guard state.reached == nil, let limit = limits.reached(by: state.ended) else {
                return nil
            }
            state.reached = limit
            return state.stop
        }
        stop?()
    }

    /// Looks at the clock until the task is cancelled.
    func watchClock() async {
        while !Task.isCancelled {
            let now = Now.read()
            if let limit = limits.reached(at: now, since: startMicros) {
                let stop = state.withLock { state -> (@Sendable () -> Void)? in
                    guard state.reached == nil else { return nil }
                    state.reached = limit
                    return state.stop
                }
                stop?()
            }
            let left = limits.microsLeft(at: now, since: startMicros) ?? Self.lookMicros
            let pause = left == 0 ? Self.lookMicros : min(left, Self.lookMicros)
            try? await Task.sleep(for: .microseconds(pause))
        }
    }
}
