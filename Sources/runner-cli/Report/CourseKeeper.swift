import JobStore
import Runner
import Synchronization

/// Keeps the course of a run in its queue while it goes on: after a second, then at times twice as
/// long from one to the next up to a minute, and at the end. So a run that is killed loses a minute
/// of its course at most.
final class CourseKeeper: Sendable {
    private struct State {
        var kept: KeptCourse
        var course = RunCourse()
        var last: RunSample
        /// Whether anything is new since the course was written.
        var isNew = false
        /// The number of the runner; `nil` where the store did not tell as the run began.
        var number: Int?
        /// `nil` before the course is written for the first time.
        var name: String?

        func isOwn(_ run: QueueCounts.LiveRun) -> Bool {
            run.pid == kept.pid && run.host == kept.host
        }
    }

    private let store: any JobQueue
    private let monitor: RunMonitor
    private let state: Locked<State>

    private static let firstWait = Duration.seconds(1)
    private static let waitMax = Duration.seconds(60)

    /// - Parameters:
    ///   - batch: The only batch that is run; `nil` for all.
    ///   - counts: The counts as the run begins.
    init(
        of pid: Int, in store: any JobQueue, batch: String?, counts: QueueCounts,
        settings: [KeptCourse.Setting], monitor: RunMonitor
    ) {
        self.store = store
        self.monitor = monitor
        let now = Timestamp.now
        let kept = KeptCourse(
            version: RunnerCommand.version, pid: pid, host: RunnerDescription.ownHost, batch: batch,
            startedAtMicros: now, takenAtMicros: now, doneBefore: counts.done, settings: settings)
        state = Locked(
            State(kept: kept, last: RunSample(takenAtMicros: now, counts: counts)))
    }

    /// Takes in what the queue knows of the run that begins.
    func began(_ attachment: Attachment) {
        state.withLock { state in
            state.number = attachment.counts.runs.first { state.isOwn($0) }?.id
        }
    }

    /// Takes in a sample, which is in the monitor already.
    func add(_ sample: RunSample) {
        state.withLock { state in
            state.course.add(from: state.last, to: sample)
            state.last = sample
            state.kept.take(sample.figures)
            state.kept.takenAtMicros = sample.takenAtMicros
            state.kept.finished = max(0, sample.counts.done - state.kept.doneBefore)
            state.isNew = true
        }
    }

    /// Writes the course again and again until the task is cancelled.
    func watch() async {
        var wait = Self.firstWait
        while true {
            try? await Task.sleep(for: wait)
            guard !Task.isCancelled else { return }
            await write()
            wait = min(wait * 2, Self.waitMax)
        }
    }

    /// Writes the whole course, once `watch` has ended.
    func end(_ ending: String) async {
        state.withLock { state in
            state.kept.ending = ending
            state.isNew = true
        }
        await write()
    }

    /// The store's trouble is the run's, which tells of it.
    private func write() async {
        let news = monitor.read { $0 }
        let text = state.withLock { state -> KeptCourse? in
            guard state.isNew else { return nil }
            state.isNew = false
            state.kept.course = state.course.text
            state.kept.take(news)
            return state.kept
        }.flatMap { try? PlainEncoder.text($0) }
        guard let text, let name = try? await name() else { return }
        try? await store.keep(text, as: name)
    }

    /// The name by which the queue keeps the course; those of the earliest runs are forgotten.
    private func name() async throws(QueueError) -> String? {
        if let name = state.withLock(\.name) { return name }
        var known = state.withLock(\.number)
        if known == nil {
            let runs = try await store.counts().runs
            known = state.withLock { state in runs.first { state.isOwn($0) }?.id }
        }
        guard let number = known else { return nil }
        var list = try await CourseList(of: store)
        for gone in list.add(number) {
            try await store.keep(nil, as: KeptCourse.settingName(gone))
        }
        try await store.keep(list.text, as: CourseList.setting)
        let name = KeptCourse.settingName(number)
        state.withLock { $0.name = name }
        return name
    }
}
