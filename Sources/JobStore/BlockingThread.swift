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
        do throws(SystemThread.Refusal) {
            // `stop` ends it.
            _ = try SystemThread { [self] in work() }
        } catch {
            startFailure = error.number
        }
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
