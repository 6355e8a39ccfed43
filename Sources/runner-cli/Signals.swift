import Glibc
internal import JobStore
import Synchronization

/// The signals that ask the program to end, in one place.
///
/// The signals are blocked in every thread, and the main thread waits for them. So the code that
/// answers them is ordinary code, which may lock and allocate.
enum Signals {
    /// Answers of a view to signals that concern the screen.
    struct ScreenAnswers: Sendable {
        /// The program is about to be stopped (Ctrl-Z).
        let suspend: @Sendable () -> Void
        /// The program goes on after it was stopped.
        let resume: @Sendable () -> Void
        /// The window has another size, or others may have written to it.
        let redraw: @Sendable () -> Void
    }

    private static let handler = Locked<(@Sendable () -> Void)?>(nil)
    private static let screen = Locked<ScreenAnswers?>(nil)

    /// Blocks the signals. Called before any other thread exists, so that all inherit the mask.
    static func block() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGTERM)
        // Under nohup it is ignored, and stays so.
        if !isIgnored(SIGHUP) { sigaddset(&set, SIGHUP) }
        // As by a shell without jobs.
        if !isIgnored(SIGTSTP) { sigaddset(&set, SIGTSTP) }
        // Ctrl-\: it ends the program at once, but for the terminal.
        if !isIgnored(SIGQUIT) { sigaddset(&set, SIGQUIT) }
        sigaddset(&set, SIGCONT)
        sigaddset(&set, SIGWINCH)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        return set
    }

    /// Calls `handler` from now on, each time a signal comes.
    static func onStop(_ handler: @escaping @Sendable () -> Void) {
        self.handler.withLock { $0 = handler }
    }

    /// Has a view answer the signals of the screen from now on; with `nil`, none does.
    static func onScreen(_ answers: ScreenAnswers?) { screen.withLock { $0 = answers } }

    /// Takes and answers signals until the process ends elsewhere.
    static func answer(_ set: sigset_t) -> Never {
        var set = set
        while true {
            var signal: Int32 = 0
            guard sigwait(&set, &signal) == 0 else { continue }
            let screen = self.screen.withLock(\.self)
            if signal == SIGWINCH {
                screen?.redraw()
            } else if signal == SIGCONT {
                screen?.resume()
            } else if signal == SIGTSTP {
                screen?.suspend()
                stop()
                screen?.resume()
            } else if signal != SIGQUIT, let answer = handler.withLock({ $0 }) {
                answer()
            } else {
                // No one cleans up but the terminal: end as if it had not been blocked.
                Keyboard.end()
                Glibc.signal(signal, SIG_DFL)
                pthread_sigmask(SIG_UNBLOCK, &set, nil)
                raise(signal)
            }
        }
    }

    /// Stops the process as Ctrl-Z does, and returns when it goes on: at once where no shell could
    /// have it go on.
    private static func stop() {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTSTP)
        raise(SIGTSTP)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        // Holds: a C function pointer is one word; SIG_IGN is the word 1, which is no function.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
    }
}
