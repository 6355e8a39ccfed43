#if THREAD_SANITIZER
    internal import Glibc

    /// A lock that the thread sanitizer knows, for builds with it. `Mutex` waits by a system call of
    /// its own, which the sanitizer does not see, so that all it guards would be reported.
    package final class Locked<Value: ~Copyable>: @unchecked Sendable {
        // @unchecked holds because `value` is touched under `lock` only.
        private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private var value: Value

        package init(_ value: consuming sending Value) {
            pthread_mutex_init(lock, nil)
            self.value = value
        }

        deinit {
            pthread_mutex_destroy(lock)
            lock.deallocate()
        }

        package func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return try body(&value)
        }
    }
#else
    package import Synchronization

    /// A value that is touched under its lock only.
    package typealias Locked = Mutex
#endif
