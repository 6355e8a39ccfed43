import Glibc
import JobStore
import Runner
import Synchronization

/// Shows a run on stderr: a live view on a terminal while the run is in its foreground, else lines of
/// a log, one of which tells of progress each 10 s.
final class ProgressView: Sendable {
    /// The stage of a stop that was asked for.
    enum Stopping {
        /// Requests in flight may take until the given moment.
        case finishing(until: ContinuousClock.Instant)
        case now
    }

    private struct State {
        var nextLine = ContinuousClock.now + ProgressView.lineInterval
        /// Events that stand in the live view alone so far.
        var unprinted: [RunEvent] = []
    }

    /// The time between two lines where there is no live view.
    private static let lineInterval = Duration.seconds(10)
    /// The most events that are printed when the live view ends: the latest.
    private static let eventsMax = 20
    private let queue: String
    private let isQuiet: Bool
    private let log = RunLog.current
    private let monitor: RunMonitor
    /// `nil` where there is none to draw on.
    let screen: LiveScreen?
    private let state = Locked(State())

    /// - Parameter mayDraw: Whether people leave it to the terminal how the run is shown.
    init(queue: String, isQuiet: Bool, mayDraw: Bool, monitor: RunMonitor) {
        self.queue = queue
        self.isQuiet = isQuiet
        self.monitor = monitor
        let isLive = mayDraw && !isQuiet && Terminal.isInteractive(STDERR_FILENO)
        screen =
            isLive
            ? LiveScreen(
                to: STDERR_FILENO, title: queue, pid: Int(getpid()), role: .run, monitor: monitor)
            : nil
    }

    private var isLive: Bool { screen?.isShown ?? false }

    /// Prints the resume line: the numbers of jobs that are done, that are left, and that may be
    /// fetched again.
    func start(_ attachment: Attachment) {
        guard !isQuiet else { return }
        let counts = attachment.counts
        let verb =
            counts.done > 0 || counts.retrying > 0 || attachment.rescued > 0
            ? "resuming" : "starting"
        let text =
            "\(verb) \(queue): \(Format.count(counts.done)) done, \(Format.count(counts.left)) left, \(Format.count(attachment.mayRepeat)) may be fetched again"
        guard !isLive else { return Terminal.say(text) }
        log.say(
            .start, .info, text,
            [
                "queue": .text(queue), "pid": .int(Int(getpid())), "done": .int(counts.done),
                "left": .int(counts.left), "may_repeat": .int(attachment.mayRepeat),
            ])
    }

    /// Prints a line that stays: above the live view, or in the log.
    func note(_ text: String) {
        guard let screen, screen.isShown else { return log.say(.note, .info, text) }
        screen.above { Terminal.say("runner: \(text)") }
    }

    /// Tells of something that happens to the run: in the live view where that shows events, and
    /// when it ends; else by a line.
    func event(
        _ event: RunLog.Event, _ text: String, _ level: RunEvent.Level = .info,
        _ fields: [String: RunLog.Value] = [:]
    ) {
        monitor.note(text, level)
        guard let screen, screen.isShown else {
            return log.say(event, level == .warning ? .warning : .info, text, fields)
        }
        guard Terminal.size(STDERR_FILENO).rows >= LiveView.screenRowsMin else {
            return screen.above { Terminal.say("runner: \(text)") }
        }
        guard let last = monitor.read(\.events).last else { return }
        state.withLock { state in
            state.unprinted.append(last)
            if state.unprinted.count > Self.eventsMax { state.unprinted.removeFirst() }
        }
        screen.redraw()
    }

    func show(_ sample: RunSample) {
        guard !isQuiet else { return }
        screen?.show(sample)
        guard !isLive else { return }
        let isDue = state.withLock { state in
            guard .now >= state.nextLine else { return false }
            state.nextLine = .now + Self.lineInterval
            return true
        }
        if isDue { log.say(.progress, .info, Self.line(sample), Self.fields(sample)) }
    }

    /// Shows that the run was asked to stop: in the live view, which counts down, or in a line.
    ///
    /// - Parameter grace: The time that requests in flight may take; `nil` when they are cut short.
    func stop(within grace: Duration?) {
        screen?.stop(grace.map { .finishing(until: .now + $0) } ?? .now)
        guard !isLive else { return }
        log.say(
            .stopping, .info,
            grace.map {
                "finishing the requests in flight, for \(Format.decimal($0.seconds)) s at most; once more to stop now"
            } ?? "stopping now", ["grace_s": grace.map { .double($0.seconds) } ?? .double(0)])
    }

    /// Takes the live view off the screen; the result that follows says it all but for what
    /// happened, which is printed now.
    func end() {
        Signals.onScreen(nil)
        Keyboard.end()
        let events = state.withLock { state in
            defer { state.unprinted = [] }
            return state.unprinted
        }
        let wasShown = isLive
        screen?.end()
        guard wasShown else { return }
        for event in events {
            Terminal.say("\(Timestamp.timeOfDay(event.atMicros)) \(Terminal.escaped(event.text))")
        }
    }

    /// Tells a log of JSON how the run ended; others have the result on stdout.
    func ended(_ report: RunReport) {
        guard log.format == .json, !isQuiet else { return }
        log.say(
            .end, .info, report.sentence,
            ["ending": .text(report.endingName), "exit_code": .int(Int(report.status.rawValue))])
    }
}
