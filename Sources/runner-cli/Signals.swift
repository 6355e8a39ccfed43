import Glibc
internal import JobStore
import Synchronization

/// The signals that ask the program to end, in one place.
///
/// The signals are blocked in every thread, and the main thread waits for them. So the code that
/// answers them is ordinary code, which may lock and allocate.
enum Signals {
    private static let handler = Locked<(@Sendable () -> Void)?>(nil)

    /// Blocks the signals. Called before any other thread exists, so that all inherit the mask.
    static func block() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGTERM)
        // Under nohup it is ignored, and stays so.
        if !isIgnored(SIGHUP) { sigaddset(&set, SIGHUP) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        return set
    }

    /// Calls `handler` from now on, each time a signal comes.
    static func onStop(_ handler: @escaping @Sendable () -> Void) {
        self.handler.withLock { $0 = handler }
    }

    /// Takes and answers signals until the process ends elsewhere.
    static func answer(_ set: sigset_t) -> Never {
        var set = set
        while true {
            var signal: Int32 = 0
            guard sigwait(&set, &signal) == 0 else { continue }
            if let answer = handler.withLock({ $0 }) {
                answer()
            } else {
                // No one cleans up: end as if it had not been blocked.
                Glibc.signal(signal, SIG_DFL)
                pthread_sigmask(SIG_UNBLOCK, &set, nil)
                raise(signal)
            }
        }
    }

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        // Holds: a C function pointer is one word; SIG_IGN is the word 1, which is no function.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
    }
}
