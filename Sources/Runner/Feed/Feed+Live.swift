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

    /// Leaves hosts alone that some run of the queue was asked to leave alone.
    func holdBack(_ hosts: [HostPace]) {
        let now = Now.read()
        state.withLock { $0.lanes.holdBack(hosts, at: now) }
        lookAgain()
    }

    /// Keeps to a share of the rate from now on.
    func keep(to share: RateShare) {
        let now = Now.read()
        state.withLock {
            $0.pace.keep(toShare: share.perSecond, isWhole: share.isWhole, at: now)
        }
        lookAgain()
    }

    /// Takes the use that was made of the run's pace since the last call.
    func takeUse() -> RunPace.Use { state.withLock { $0.pace.takeUse() } }

    /// Looks whether the queue has heard of this run, and goes on where it has again.
    func lookAtHold() {
        let (isInDoubt, now) = (isHoldInDoubt, Now.read())
        if state.withLock({ $0.setInDoubt(isInDoubt, at: now) }) { lookAgain() }
    }

    /// Has everybody see what has changed: loops ask for jobs, or tell why their workers wait.
    private func lookAgain() {
        bell.ring()
        wakeLoops()
    }

    /// Whether people have paused the run.
    var isPaused: Bool { state.withLock(\.holds.isPaused) }
    /// The clock of pauses.
    var pause: PauseClock { state.withLock { $0.pause } }
}
