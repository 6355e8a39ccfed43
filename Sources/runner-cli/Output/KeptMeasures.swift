import JobStore
import Runner
import Synchronization

/// The measurements of a run, kept for its report.
final class KeptMeasures: Sendable {
    private let measures = Locked<RunMeasures?>(nil)

    /// `nil` until the run has ended.
    var last: RunMeasures? { measures.withLock(\.self) }

    func keep(_ new: RunMeasures) { measures.withLock { $0 = new } }
}

/// The site that a run writes to, kept for its report.
final class KeptSite: Sendable {
    private let kept = Locked(Site.only)

    var site: Site { kept.withLock(\.self) }

    func keep(_ new: Site) { kept.withLock { $0 = new } }
}

/// The time for which a run was paused, kept for its report.
final class PausedTime: Sendable {
    private struct State {
        var since: ContinuousClock.Instant?
        var length = Duration.zero
    }

    private let state = Locked(State())

    func note(isPaused: Bool, at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            guard isPaused != (state.since != nil) else { return }
            if let since = state.since { state.length += now - since }
            state.since = isPaused ? now : nil
        }
    }

    /// The time up to a moment.
    func length(at now: ContinuousClock.Instant) -> Duration {
        state.withLock { state in state.length + (state.since.map { now - $0 } ?? .zero) }
    }
}

/// The fate of the requests that responses led to, kept for a run's report.
final class KeptFollows: Sendable {
    private let figures = Locked<FollowFigures?>(nil)

    /// `nil` when nothing is followed.
    var last: FollowFigures? { figures.withLock(\.self) }

    func keep(_ new: FollowFigures) { figures.withLock { $0 = new } }
}
