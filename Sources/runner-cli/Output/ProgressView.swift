import Glibc
import JobStore
import Runner
import Synchronization

/// Shows a run on stderr: a live view on a terminal, else a plain line every 10 s.
final class ProgressView: Sendable {
    /// The stage of a stop that was asked for.
    enum Stopping {
        /// Requests in flight may take until the given moment.
        case finishing(until: ContinuousClock.Instant)
        case now
    }

    private struct State {
        var screen = RedrawnText(to: STDERR_FILENO)
        var sample: RunSample?
        var nextLine = ContinuousClock.now + ProgressView.lineInterval
        var stopping: Stopping?
        var isOver = false
    }

    /// The time between two lines where there is no live view.
    private static let lineInterval = Duration.seconds(10)
    private let queue: String
    /// Whether a live view is drawn again and again.
    private let isLive: Bool
    private let isQuiet: Bool
    private let state = Locked(State())

    init(queue: String, isQuiet: Bool) {
        self.queue = queue
        self.isQuiet = isQuiet
        isLive = !isQuiet && Terminal.isInteractive(STDERR_FILENO)
    }

    /// Prints the resume line: the numbers of jobs that are done, that are left, and that may be
    /// fetched again.
    func start(_ attachment: Attachment) {
        guard !isQuiet else { return }
        let counts = attachment.counts
        let verb =
            counts.done > 0 || counts.retrying > 0 || attachment.rescued > 0
            ? "resuming" : "starting"
        Terminal.say(
            "\(verb) \(queue): \(Format.count(counts.done)) done, \(Format.count(counts.left)) left, \(Format.count(attachment.mayRepeat)) may be fetched again"
        )
    }

    /// Prints a line that stays, above the live view.
    func note(_ text: String) {
        state.withLock { state in
            try? state.screen.clear()
            Terminal.say("runner: \(text)")
            draw(&state)
        }
    }

    func show(_ sample: RunSample) {
        guard !isQuiet else { return }
        state.withLock { state in
            guard isLive else {
                guard .now >= state.nextLine else { return }
                state.nextLine += Self.lineInterval
                return Terminal.say(Self.line(sample))
            }
            state.sample = sample
            draw(&state)
        }
    }

    /// Shows that the run was asked to stop: in the live view, which counts down, or in a line.
    ///
    /// - Parameter grace: The time that requests in flight may take; `nil` when they are cut short.
    func stop(within grace: Duration?) {
        guard isLive else {
            return note(
                grace.map {
                    "finishing the requests in flight, for \(Format.decimal($0.seconds)) s at most; once more to stop now"
                } ?? "stopping now")
        }
        state.withLock { state in
            state.stopping = grace.map { .finishing(until: .now + $0) } ?? .now
            draw(&state)
        }
    }

    /// Takes the live view off the screen; the result that follows says it all.
    func end() {
        state.withLock { state in
            state.isOver = true
            try? state.screen.clear()
        }
    }

    private func draw(_ state: inout State) {
        guard isLive, !state.isOver, state.sample != nil || state.stopping != nil,
            Terminal.isReady(STDERR_FILENO)
        else { return }
        let (sample, stopping) = (state.sample, state.stopping)
        try? state.screen.draw { size in
            Self.lines(sample, stopping, columns: size?.usableColumns ?? 79)
        }
    }
}
