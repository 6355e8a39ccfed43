import Glibc
import JobStore
import Runner
import Synchronization
import WebView

/// The run of this process as its web page and its metrics show it.
final class RunPage: WatchedQueue {
    private struct State {
        /// The queue, or the batch that is run.
        var title: String
        var facts = QueueFacts()
        /// `nil` before the run begins, and once it is over.
        var store: (any JobQueue)?
        /// The only batch that is run; `nil` for all.
        var batch: Batch.ID?
        var toldToDrain: @Sendable () -> Void = {}
        /// Those who use the store at present, and who waits until there is none.
        var users = 0
        var idle: CheckedContinuation<Void, Never>?
    }

    let monitor = RunMonitor()
    private let control: QueueControl
    private let folder: String?
    private let stop: StopSwitch
    private let state: Locked<State>

    /// The times between two looks at what changes slowly: the first, and the longest. They grow, as
    /// a run that begins has no output for a moment.
    private static let intervals = (
        first: Duration.milliseconds(200), longest: Duration.seconds(10)
    )

    /// - Parameter stop: Ends the run.
    init(queue: QueueOptions, stop: StopSwitch) {
        control = QueueControl(path: queue.path)
        folder = queue.realFolder
        self.stop = stop
        var facts = QueueFacts()
        facts.canDrain = true
        facts.queueOption = RetryAdvice.option(queue.path)
        state = Locked(State(title: queue.path, facts: facts))
    }

    var title: String { state.withLock(\.title) }
    var facts: QueueFacts { state.withLock(\.facts) }

    /// Lets the page reach the queue.
    ///
    /// - Parameters:
    ///   - batch: The only batch that is run; `nil` for all.
    ///   - title: The queue, or that batch, for people.
    ///   - toldToDrain: Tells that the page has asked the run to drain.
    func connect(
        _ store: any JobQueue, batch: Batch.ID?, title: String,
        toldToDrain: @escaping @Sendable () -> Void
    ) {
        state.withLock { state in
            (state.store, state.batch, state.title) = (store, batch, title)
            state.toldToDrain = toldToDrain
        }
    }

    /// Keeps the page from the queue, which is about to be closed, and waits until what was asked for
    /// is done.
    func disconnect() async {
        let batch = state.withLock(\.batch)
        // As the last sample may be a second old, and a short run has none.
        let counts = try? await withStore { store throws(QueueError) in
            try await store.counts(of: batch)
        }
        if let counts = counts ?? nil {
            let now = Timestamp.now
            let figures = monitor.read { $0.latest?.figures }
            monitor.add(
                figures.map { RunSample(takenAtMicros: now, counts: counts, figures: $0) }
                    ?? RunSample(takenAtMicros: now, counts: counts))
        }
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                state.store = nil
                if state.users > 0 { state.idle = continuation }
                return state.users == 0
            }
            if isIdle { continuation.resume() }
        }
    }

    /// Calls `body` with the queue, which stays open meanwhile.
    ///
    /// - Returns: `nil` when there is no queue, or no longer.
    private func withStore<Result: Sendable, Failure: Error>(
        _ body: (any JobQueue) async throws(Failure) -> Result
    ) async throws(Failure) -> Result? {
        let store = state.withLock { state in
            if state.store != nil { state.users += 1 }
            return state.store
        }
        guard let store else { return nil }
        defer {
            let waiting = state.withLock { state in
                state.users -= 1
                defer { if state.users == 0 { state.idle = nil } }
                return state.users == 0 ? state.idle : nil
            }
            waiting?.resume()
        }
        return try await body(store)
    }

    func began() {
        state.withLock { $0.facts.pid = Int(getpid()) }
        monitor.note("the run has begun")
    }

    /// Takes in a sample, which is in the monitor already.
    func show(_ sample: RunSample) {
        state.withLock { state in
            state.facts.state = QueueFacts.State(sample.figures.phase)
            state.facts.isPaused = sample.figures.phase == .paused
            state.facts.startedAtMicros = sample.takenAtMicros - sample.figures.elapsedMicros
        }
    }

    /// Looks at what changes slowly, until the task is cancelled.
    func watch() async {
        var interval = Self.intervals.first
        while !Task.isCancelled {
            if await look() { interval = min(interval * 2, Self.intervals.longest) }
            try? await Task.sleep(for: interval)
        }
    }

    /// - Returns: Whether the queue could be read.
    private func look() async -> Bool {
        var facts = facts
        // A queue that cannot be read ends the run, which says why.
        let isRead: Void?? = try? await withStore { store throws(QueueError) in
            try await facts.readSlow(store, in: folder)
        }
        guard case .some(.some) = isRead else { return false }
        let (output, retriesDue) = (facts.output, facts.retriesDue)
        state.withLock { ($0.facts.output, $0.facts.retriesDue) = (output, retriesDue) }
        return true
    }

    func end(_ sentence: String) {
        monitor.note(sentence)
        state.withLock { $0.facts.state = .ended }
    }

    func perform(_ action: QueueAction) async throws(ActionRefusal) -> ActionResult {
        guard action == .drain else {
            var control = control
            control.batch = state.withLock(\.batch)
            let result = try await withStore { [control] store throws(ActionRefusal) in
                try await control.perform(action, in: store)
            }
            guard let result else { throw ActionRefusal("the run has not begun yet, or is over") }
            // What else is asked for, the run tells of as it follows.
            if case .retry = action { monitor.note(result.text) }
            return result
        }
        guard stop.requestDrain() else { throw ActionRefusal("the run ends already") }
        state.withLock(\.toldToDrain)()
        return ActionResult(
            text: "the run was asked to finish the requests in flight and end",
            command: "kill -INT \(getpid())")
    }
}
