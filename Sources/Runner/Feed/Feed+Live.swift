internal import JobStore
internal import Synchronization

/// Changes that people ask for while a run goes on.
extension Feed {
    /// Holds back all that is not in flight, or lets it go out again.
    func setPaused(_ isPaused: Bool) {
        let now = Now.read()
        state.withLock { $0.setPaused(isPaused, at: now) }
        lookAgain()
    }

    /// Keeps to other limits from now on.
    func keep(to change: LimitChange) {
        let now = Now.read()
        state.withLock { $0.keep(to: change, at: now) }
        lookAgain()
    }

    /// Has everybody see what has changed: loops ask for jobs, or tell why their workers wait.
    private func lookAgain() {
        bell.ring()
        wakeLoops()
    }

    var isPaused: Bool { pause.isOn }
    /// The clock of pauses.
    var pause: PauseClock { state.withLock { $0.pause } }
}
