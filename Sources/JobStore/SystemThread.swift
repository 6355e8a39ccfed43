internal import Glibc

/// A thread of the operating system, for work that must not run on Swift's pool. A thread that
/// nobody joins frees itself when it ends.
package struct SystemThread: ~Copyable, Sendable {
    private let number: pthread_t

    /// The system refused a thread.
    package struct Refusal: Error {
        /// The error number (`errno`) that says why.
        package let number: Int32
    }

    /// Starts a thread that runs `body` and ends with it.
    ///
    /// - Throws: `Refusal` when the system gives no thread; then `body` is never called.
    package init(_ body: @escaping @Sendable () -> Void) throws(Refusal) {
        var number = pthread_t()
        // Retained for the thread, which releases it as it takes it; where there is no thread, here.
        let box = Unmanaged.passRetained(Box(body: body))
        let result = pthread_create(
            &number, nil,
            { box in
                Unmanaged<Box>.fromOpaque(box!).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        guard result == 0 else {
            box.release()
            throw Refusal(number: result)
        }
        self.number = number
    }

    deinit { pthread_detach(number) }

    /// Waits for the end of the thread. To be called from another thread.
    package consuming func join() {
        pthread_join(number, nil)
        discard self
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
