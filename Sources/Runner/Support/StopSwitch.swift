internal import JobStore
internal import Synchronization

/// Asks a run to stop: once to drain, twice to cancel. May be flipped from any thread.
public final class StopSwitch: Sendable {
    private struct State {
        var requests = 0
        var drain: (@Sendable () -> Void)?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Locked(State())

    public init() {}

    /// Asks for a stop. The first call lets requests in flight finish and claims no more; from the
    /// second call on, those requests are stopped, too.
    public func request() {
        let act = state.withLock { state in
            state.requests += 1
            return state.requests == 1 ? state.drain : state.cancel
        }
        act?()
    }

    /// Asks for the first stop, unless one was asked for: of two who ask at once to drain, the second
    /// must not cut requests short.
    ///
    /// - Returns: Whether this call is the first.
    public func requestDrain() -> Bool {
        let drain = state.withLock { state -> (@Sendable () -> Void)?? in
            guard state.requests == 0 else { return nil }
            state.requests = 1
            return .some(state.drain)
        }
        guard let drain else { return false }
        drain?()
        return true
    }

    public var isRequested: Bool { state.withLock { $0.requests > 0 } }

    /// Whether a second call has asked for the end of what is going on.
    var isCancelRequested: Bool { state.withLock { $0.requests > 1 } }

    func connect(drain: @escaping @Sendable () -> Void, cancel: @escaping @Sendable () -> Void) {
        let requests = state.withLock { state in
            state.drain = drain
            state.cancel = cancel
            return state.requests
        }
        // Flipped before there was a run.
        if requests > 0 { drain() }
        if requests > 1 { cancel() }
    }

    func disconnect() {
        state.withLock { state in
            state.drain = nil
            state.cancel = nil
        }
    }
}
