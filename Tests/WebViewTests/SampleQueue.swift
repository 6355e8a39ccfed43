import JobStore

@testable import Runner
@testable import WebView

/// A queue that is shown as it is told.
final class SampleQueue: WatchedQueue {
    let title: String
    let monitor = RunMonitor()
    let facts: QueueFacts

    init(title: String = "runner.db", _ change: (inout QueueFacts) -> Void = { _ in }) {
        self.title = title
        var facts = QueueFacts()
        facts.state = .running
        facts.pid = 7
        change(&facts)
        self.facts = facts
    }

    func perform(_ action: QueueAction) async throws(ActionRefusal) -> ActionResult {
        if action == .drain { throw ActionRefusal("no \"drain\"") }
        return ActionResult(text: "done: \(action)", command: "runner pause")
    }

    /// What a run has found.
    static var followed: FollowFigures {
        var followed = FollowFigures()
        (followed.added, followed.known, followed.depth) = (12, 34, 3)
        followed.cut = [.scope: 5, .hostFull: 6]
        return followed
    }

    /// A sample of so many jobs.
    ///
    /// - Parameter followed: What the run has found; `nil` where it follows nothing.
    static func sample(
        at second: Int = 1, completed: Int = 60, failed: Int = 3, left: Int = 37,
        followed: FollowFigures? = nil
    ) -> RunSample {
        var figures = RunFigures()
        figures.followed = followed
        return RunSample(
            takenAtMicros: second * 1_000_000,
            counts: QueueCounts(
                total: completed + failed + left, running: 5, retriesRunning: 0,
                outcomes: [
                    .init(label: "200", state: .completed, count: completed),
                    .init(label: "404", state: .failed, count: failed),
                ], runs: []), figures: figures)
    }
}
