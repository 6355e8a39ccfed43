import Glibc
import Synchronization

/// The signals that ask the program to end, in one place.
///
/// They are blocked in every thread and taken by one that waits for them, so what answers them is
/// ordinary code and may lock and allocate.
enum Signals {
    private static let handler = Mutex<(@Sendable () -> Void)?>(nil)

    /// Starts taking signals. Called before any other thread exists, so that all inherit the mask.
    static func watch() {
        var set = stopSignals()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, waitForSignals, nil)
        precondition(result == 0, "the signal thread could not be started: error \(result)")
        pthread_detach(thread)
    }

    /// Has SIGINT, SIGTERM and SIGHUP answered by `handler` from now on, each time one comes.
    static func onStop(_ handler: @escaping @Sendable () -> Void) {
        self.handler.withLock { $0 = handler }
    }

    fileprivate static func wait() -> Never {
        var set = stopSignals()
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

    private static func stopSignals() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, signal) }
        return set
    }
}

/// What C calls on the signal thread: a function of its own, since C calls no closure with isolation.
private func waitForSignals(_: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Signals.wait()
}
