import Glibc
import JobStore
import Runner
import Synchronization

/// The live view of a run on a terminal: drawn with each sample, and whenever a key or the size of
/// the window asks for it.
final class LiveScreen: Sendable {
    private struct State {
        var screen: RedrawnText
        var recent = RecentCourse()
        var page = LivePage.overview
        var message: (text: String, until: ContinuousClock.Instant)?
        /// Lines for where the live view has no room, or nothing to show; `nil` for a short
        /// block of the run's figures.
        var plain: (@Sendable (Terminal.Size?) -> [String])?
        var hasRun = true
        var news: KeptNews?
        var stopping: ProgressView.Stopping?
        var isPaused: Bool?
        var pid: Int
        /// Whether nothing is drawn at present, since the program is about to be stopped.
        var isAway = false
        var isOver = false
    }

    let monitor: RunMonitor
    let role: LiveRole
    private let descriptor: Int32
    private let title: String
    private let state: Locked<State>
    /// The time for which the answer to a key is shown.
    private static let messageTime = Duration.seconds(4)

    init(to descriptor: Int32, title: String, pid: Int, role: LiveRole, monitor: RunMonitor) {
        self.descriptor = descriptor
        self.title = title
        self.role = role
        self.monitor = monitor
        state = Locked(State(screen: RedrawnText(to: descriptor), pid: pid))
    }

    /// Whether the view is on the screen, and not held back as the program is in the background.
    var isShown: Bool { Keyboard.isInForeground(descriptor) }

    /// Takes in a sample, for which the monitor has been told of, too.
    func show(_ sample: RunSample) {
        state.withLock { state in
            state.recent.add(sample)
            draw(&state)
        }
    }

    /// Takes in what a watching process knows beyond samples.
    ///
    /// - Parameters:
    ///   - pid: The process of the run; `nil` when none is going on.
    ///   - plain: What is shown where there is no room for the live view, or no run.
    func show(
        pid: Int?, news: KeptNews?, isPaused: Bool,
        plain: @escaping @Sendable (Terminal.Size?) -> [String]
    ) {
        state.withLock { state in
            (state.pid, state.news) = (pid ?? 0, news)
            (state.isPaused, state.hasRun, state.plain) = (isPaused, pid != nil, plain)
            draw(&state)
        }
    }

    /// Lets keys, and the signals of the screen, have their say until `Keyboard.end`.
    func takeKeys(_ keys: LiveKeys) {
        Signals.onScreen(
            Signals.ScreenAnswers(
                suspend: { [self] in
                    suspend()
                    Keyboard.suspend()
                },
                resume: { [self] in
                    Keyboard.resume()
                    resume()
                }, redraw: { [self] in redraw() }))
        Keyboard.begin({ keys.press($0) }, moved: { [self] in resume() })
    }

    func stop(_ stopping: ProgressView.Stopping) {
        state.withLock { state in
            state.stopping = stopping
            draw(&state)
        }
    }

    /// Prints lines that stay, above the view.
    func above(_ print: () -> Void) {
        state.withLock { state in
            try? state.screen.clear()
            print()
            draw(&state)
        }
    }

    /// Shows another page, or the overview again where that page is shown.
    func show(_ page: LivePage) {
        state.withLock { state in
            state.page = state.page == page ? .overview : page
            draw(&state)
        }
    }

    /// Shows the answer to a key for a while.
    func say(_ text: String) {
        state.withLock { state in
            state.message = (text, .now + Self.messageTime)
            draw(&state)
        }
    }

    func redraw() { state.withLock { draw(&$0) } }

    /// Takes the view off the screen until `resume`, since the program is about to be stopped.
    func suspend() {
        state.withLock { state in
            state.isAway = true
            if isShown { try? state.screen.clear() }
        }
    }

    func resume() {
        state.withLock { state in
            state.isAway = false
            state.screen.leave()
            draw(&state)
        }
    }

    /// Takes the view off the screen for good, or leaves the last one there.
    func end(isLeft: Bool = false) {
        state.withLock { state in
            guard !state.isOver else { return }
            state.isOver = true
            if !isLeft, isShown { try? state.screen.clear() }
        }
    }

    private func draw(_ state: inout State) {
        guard !state.isOver, !state.isAway, isShown, Terminal.isReady(descriptor) else { return }
        if let message = state.message, message.until < .now { state.message = nil }
        let (content, stopping, plain) = (content(state), state.stopping, state.plain)
        guard content != nil || stopping != nil || plain != nil else { return }
        try? state.screen.draw { size in
            let size = size ?? Terminal.Size(columns: 80, rows: LiveView.screenRowsMin)
            if let content, size.rows >= LiveView.screenRowsMin || content.page != .overview {
                return LiveView(
                    content: content, columns: size.usableColumns, rows: size.usableRows,
                    ink: Ink(isOn: Terminal.allowsColour)
                ).lines
            }
            if let plain { return plain(size) }
            return ProgressView.lines(
                monitor.read(\.latest), stopping, columns: size.usableColumns)
        }
    }

    /// Returns all that there is to show; `nil` before the first sample.
    private func content(_ state: State) -> LiveContent? {
        let content = monitor.read { known -> LiveContent? in
            guard state.hasRun, let sample = known.latest else { return nil }
            var content = LiveContent(
                title: title, pid: state.pid, sample, nowMicros: SystemClock.unixMicros())
            content.points = known.history.seconds
            content.events = known.events.suffix(20).map(ShownEvent.init)
            content.failures = known.failures.suffix(100).map(ShownFailure.init)
            return content
        }
        guard var content else { return nil }
        content.recent = state.recent
        content.page = state.page
        content.keys = Keyboard.isThere ? role : nil
        content.message = state.message?.text
        if let news = state.news {
            content.events = (news.events + content.events).sorted { $0.atMicros < $1.atMicros }
            content.failures = news.failures
        }
        // The queue tells so before the figures do.
        switch (state.isPaused, content.phase) {
        case (true, .running): content.phase = .paused
        case (false, .paused): content.phase = .running
        default: break
        }
        content.notices += state.stopping.map { [ProgressView.text(of: $0, now: .now)] } ?? []
        content.notices += ProgressView.notices(
            content.figures, isPaused: content.phase == .paused)
        return content
    }
}
