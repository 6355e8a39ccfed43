internal import Glibc

/// A thread that belongs to one actor, so that blocking calls of SQLite or the file system never
/// run on the cooperative pool.
package final class BlockingThread: SerialExecutor, @unchecked Sendable {
    // @unchecked holds because `jobs` and `isStopped` are touched under `mutex` only,
    // `startFailure` is written in `init` only, and the C objects are made for sharing.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [UnownedJob] = []
    private var isStopped = false
    /// The `errno` with which the system refused the thread; `nil` when it gave one. After a
    /// refusal nothing may be run on this executor.
    package private(set) var startFailure: Int32?

    package init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        var thread = pthread_t()
        // Retained until the thread ends; `stop` ends it.
        let me = Unmanaged.passRetained(self).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { me in
                Unmanaged<BlockingThread>.fromOpaque(me!).takeRetainedValue().work()
                return nil
            }, me)
        guard result == 0 else {
            startFailure = result
            Unmanaged<BlockingThread>.fromOpaque(me).release()
            return
        }
        pthread_detach(thread)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(condition)
        mutex.deallocate()
        condition.deallocate()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pthread_mutex_lock(mutex)
        jobs.append(job)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Ends the thread once it has run all queued jobs.
    package func stop() {
        pthread_mutex_lock(mutex)
        isStopped = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    private func work() {
        while true {
            pthread_mutex_lock(mutex)
            while jobs.isEmpty && !isStopped { pthread_cond_wait(condition, mutex) }
            let batch = jobs
            jobs.removeAll(keepingCapacity: true)
            pthread_mutex_unlock(mutex)
            if batch.isEmpty { return }
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}
