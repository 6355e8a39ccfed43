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
        if isSlow { try await facts.readSlow(ledger, in: queue.realFolder) }
        let figures = run?.measures.flatMap(RunFigures.read)
        let now = Timestamp.now
        monitor.add(
            figures.map { RunSample(takenAtMicros: now, counts: counts, figures: $0) }
                ?? RunSample(takenAtMicros: now, counts: counts))
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
        case (.limit, .success(let done)), (.retry, .success(let done)): monitor.note(done.text)
        default: break
        }
        return try result.get()
    }
}
