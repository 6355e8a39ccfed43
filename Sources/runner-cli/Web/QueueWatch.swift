import JobStore
import Runner
import Stores
import Synchronization
import WebView

/// A queue that nobody runs, or another process, as its page shows it: looked at once a second.
final class QueueWatch: WatchedQueue {
    let title: String
    let monitor = RunMonitor()
    private let queue: QueueOptions
    private let control: QueueControl
    private let locked: Locked<QueueFacts>
    /// The time for which the run had gone on as of the figures looked at last, in µs; `nil` for none.
    private let lastElapsedMicros = Locked<Int?>(nil)

    /// The number of looks from one to the next at what changes slowly.
    private static let slowLooks = 10

    init(_ queue: QueueOptions) {
        self.queue = queue
        title = queue.path
        control = QueueControl(path: queue.path)
        var facts = QueueFacts()
        facts.queueOption = RetryAdvice.option(queue.path)
        locked = Locked(facts)
    }

    var facts: QueueFacts { locked.withLock(\.self) }

    /// Looks at the queue until the task is cancelled. A queue that cannot be read is opened anew.
    func watch() async {
        while !Task.isCancelled {
            do throws(QueueError) {
                let ledger = try openLedger(at: queue.location)
                let error = await watch(ledger)
                await ledger.close()
                if let error { throw error }
            } catch {
                locked.withLock { facts in
                    facts.state = .unreadable
                    facts.trouble = error.sentence
                    facts.pid = nil
                }
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// - Returns: The error that ended it; `nil` when the task was cancelled.
    private func watch(_ ledger: any JobLedger) async -> QueueError? {
        var looks = 0
        while !Task.isCancelled {
            do throws(QueueError) {
                try await look(ledger, isSlow: looks % Self.slowLooks == 0)
            } catch {
                return error
            }
            looks += 1
            try? await Task.sleep(for: .seconds(1))
        }
        return nil
    }

    private func look(_ ledger: any JobLedger, isSlow: Bool) async throws(QueueError) {
        let counts = try await ledger.counts()
        let run = counts.runs.first
        let before = facts
        var facts = before
        facts.trouble = counts.isRunKnown ? "" : "whether a run is going on cannot be seen"
        facts.isPaused = try await ledger.isPaused()
        facts.pid = run?.pid
        facts.startedAtMicros = run?.startedAtMicros
        facts.canDrain = run?.host == RunnerDescription.ownHost
        var failures = run?.measures.flatMap(KeptNews.read)?.failures ?? []
        if isSlow {
            try await facts.readSlow(ledger, in: queue.realFolder)
            failures = try await keptFailures(ledger) + failures
        }
        let figures = run?.measures.flatMap(RunFigures.read)
        // While it is paused the run's time stands still, and what is new is that nothing happens.
        let elapsed = figures.flatMap { $0.pausedMicros == nil ? $0.elapsedMicros : nil }
        let isNew = lastElapsedMicros.withLock { last in
            defer { last = elapsed }
            return elapsed == nil || elapsed != last
        }
        monitor.add(
            RunSample(
                takenAtMicros: Timestamp.now, counts: counts, figures: figures ?? .none,
                failures: newFailures(of: failures)), isNew: isNew)
        if run == nil {
            facts.state = .idle
        } else if facts.isPaused {
            facts.state = .paused
        } else {
            facts.state = figures.map { QueueFacts.State($0.phase) } ?? .starting
        }
        note(before, facts)
        let new = facts
        locked.withLock { $0 = new }
    }

    /// Failures that the last run has kept, which may be going on.
    private func keptFailures(_ ledger: any JobLedger) async throws(QueueError) -> [ShownFailure] {
        guard let number = try await CourseList(of: ledger).numbers.max(),
            let text = try await ledger.setting(KeptCourse.settingName(number))
        else { return [] }
        return KeptCourse.read(text)?.failures ?? []
    }

    /// The failures that are later than all that the page has, in the order of time.
    private func newFailures(of failures: [ShownFailure]) -> [AttemptFailure] {
        let known = monitor.read { $0.failures.suffix(20) }
        let since = known.last?.endedAtMicros ?? -1
        return failures.sorted { $0.atMicros < $1.atMicros }.filter { failure in
            failure.atMicros > since
                || failure.atMicros == since
                    && !known.contains { $0.id == failure.id && $0.endedAtMicros == since }
        }.map { failure in
            AttemptFailure(
                endedAtMicros: failure.atMicros, batch: failure.batch ?? 0, id: failure.id,
                url: failure.url, attempt: failure.attempt, outcome: failure.outcome,
                isRetried: failure.isRetried, message: failure.message)
        }
    }

    /// Tells of what has changed, whoever asked for it.
    private func note(_ before: QueueFacts, _ now: QueueFacts) {
        guard before.state != .starting || before.pid != nil else { return }
        if before.isPaused != now.isPaused { monitor.note(now.isPaused ? "paused" : "resumed") }
        if before.pid != now.pid {
            monitor.note(now.pid.map { "process \($0) runs the queue" } ?? "the run has ended")
        }
    }

    func perform(_ action: QueueAction) async throws(ActionRefusal) -> ActionResult {
        let store: any JobQueue
        do throws(QueueError) { store = try openQueue(at: queue.location) } catch {
            throw ActionRefusal(error.sentence)
        }
        let result: Result<ActionResult, ActionRefusal>
        do throws(ActionRefusal) {
            result = .success(try await control.perform(action, in: store))
        } catch {
            result = .failure(error)
        }
        await store.close()
        switch (action, result) {
        // Those of the other kinds are seen as the queue changes.
        case (.limit, .success(let done)), (.retry, .success(let done)),
            (.drain, .success(let done)):
            monitor.note(done.text)
        default: break
        }
        return try result.get()
    }
}
