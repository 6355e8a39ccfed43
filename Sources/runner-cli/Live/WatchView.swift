import Glibc
import JobStore
import Runner
import Stores
import Synchronization

/// A queue on a terminal, looked at again and again: the live view of the run that is going on, or
/// the counts while there is none.
final class WatchView: Sendable {
    private let queue: QueueOptions
    private let store: any JobLedger
    private let only: BatchSummary?
    private let monitor = RunMonitor()
    private let screen: LiveScreen
    private let isLeft = Locked(false)
    /// The run as of the last look.
    private let run = Locked<QueueCounts.LiveRun?>(nil)

    /// The time between two looks: half of that between two samples of a run.
    private static let interval = Duration.milliseconds(500)
    private static let step = Duration.milliseconds(50)

    init(queue: QueueOptions, store: any JobLedger, only: BatchSummary?) {
        self.queue = queue
        self.store = store
        self.only = only
        let title = only.map { "\($0.title) of \(queue.path)" } ?? queue.path
        screen = LiveScreen(
            to: STDOUT_FILENO, title: title, pid: 0, role: .watch, monitor: monitor)
    }

    /// Shows the queue until nothing is left to do, or a key ends the view; its last version stays
    /// on the screen.
    func show() async throws {
        screen.takeKeys(keys)
        defer {
            Signals.onScreen(nil)
            Keyboard.end()
            screen.end(isLeft: true)
        }
        var last: RunFigures?
        while true {
            let look = try await StatusLook(store, only)
            take(look, &last)
            guard look.mayChange else { return }
            let deadline = ContinuousClock.now + Self.interval
            while .now < deadline {
                if isLeft.withLock(\.self) { return }
                try await Task.sleep(for: Self.step)
            }
        }
    }

    private func take(_ look: StatusLook, _ last: inout RunFigures?) {
        let live = look.counts.runs.first
        run.withLock { $0 = live }
        let figures = live?.measures.flatMap(RunFigures.read)
        if let figures {
            let sample = RunSample(
                takenAtMicros: SystemClock.unixMicros(), counts: look.counts, figures: figures)
            // Figures that were looked at before say nothing new of the course.
            if figures.elapsedMicros != last?.elapsedMicros { monitor.add(sample) }
            if figures.elapsedMicros != last?.elapsedMicros { screen.show(sample) }
        }
        last = figures
        let (document, path) = (look.document, queue.path)
        screen.show(
            pid: figures == nil ? nil : live?.pid, news: live?.measures.flatMap(KeptNews.read),
            isPaused: look.isPaused
        ) { document.lines(of: path, in: $0) }
    }

    private var keys: LiveKeys {
        LiveKeys(
            screen: screen,
            withQueue: { [queue] act in
                let store = try openQueue(at: queue.location)
                do {
                    let answer = try await act(store)
                    await store.close()
                    return answer
                } catch {
                    await store.close()
                    throw error
                }
            },
            drain: { [self] in
                guard let run = run.withLock(\.self) else { return "no run is going on" }
                guard !queue.isShared else {
                    return "end the run where it is, with Ctrl-C or kill \(run.pid)"
                }
                try RunProcess.drain(run, lock: queue.realPath + "-lock")
                return "asked process \(run.pid) to drain"
            }, leave: { [self] in isLeft.withLock { $0 = true } })
    }
}
