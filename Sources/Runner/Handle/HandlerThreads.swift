internal import Glibc
internal import JobStore

/// The threads that handlers run on, as many as there are cores, apart from Swift's pool: a handler
/// that computes, or blocks its thread, holds up nothing else of the run.
///
/// While each piece of work is short, one thread does them all, since it takes longer to wake another
/// one; when a piece was long, each that comes wakes a thread.
final class HandlerThreads: TaskExecutor, @unchecked Sendable {
    // @unchecked holds because all that changes is touched under `mutex` only, and the C objects are
    // made for sharing.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let cores: Int
    /// Called by a thread that has nothing to do, before it sleeps.
    private var rests: (@Sendable () -> Void)?
    private var pieces = ArrivalQueue<UnownedJob>()
    private var threads = 0
    private var threadsMax: Int
    /// Threads that sleep and that nobody has woken.
    private var asleep = 0
    /// Threads that were woken and still sleep.
    private var woken = 0
    /// Whether the last piece was short.
    private var isQuick = false
    private var isStopped = false

    /// The longest time in µs of a short piece: about what it takes to wake a thread.
    static let quickMicros = 50

    /// - Throws: When the system gives no thread.
    init(cores: Int) throws(LimitError) {
        self.cores = cores
        threadsMax = cores
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        threads = 1
        do throws(SystemThread.Refusal) {
            // It ends with `stop`.
            _ = try SystemThread { [self] in work() }
        } catch {
            throw LimitError(
                "this system gives no thread for a handler (\(String(cString: strerror(error.number))))",
                remedy: .allowThreads)
        }
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(condition)
        mutex.deallocate()
        condition.deallocate()
    }

    /// Has `rests` called by each thread that has nothing to do, before it sleeps, until the threads
    /// stop.
    func whenResting(_ rests: @escaping @Sendable () -> Void) {
        pthread_mutex_lock(mutex)
        self.rests = rests
        pthread_mutex_unlock(mutex)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pthread_mutex_lock(mutex)
        pieces.append(job)
        let starts = threads == asleep || !isQuick ? wakeOne() : false
        pthread_mutex_unlock(mutex)
        if starts { start() }
    }

    /// Lets others do what waits behind a piece that takes long. To be called now and then.
    ///
    /// - Parameter hanging: The calls that take too long, each of which may block a thread for good.
    func look(hanging: Int) {
        pthread_mutex_lock(mutex)
        threadsMax = cores + hanging
        let starts = (0..<min(pieces.count, threadsMax)).count { _ in wakeOne() }
        pthread_mutex_unlock(mutex)
        for _ in 0..<starts { start() }
    }

    /// Ends the threads once they have nothing to do. What comes later is done all the same.
    func stop() {
        pthread_mutex_lock(mutex)
        isStopped = true
        rests = nil
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Under the mutex.
    ///
    /// - Returns: Whether a thread is to be started, which is counted already.
    private func wakeOne() -> Bool {
        if asleep > 0 {
            (asleep, woken) = (asleep - 1, woken + 1)
            pthread_cond_signal(condition)
            return false
        }
        guard threads < threadsMax else { return false }
        threads += 1
        return true
    }

    private func start() {
        do throws(SystemThread.Refusal) {
            _ = try SystemThread { [self] in work() }
        } catch {
            // The others do its work, who may have gone to sleep as it was counted.
            pthread_mutex_lock(mutex)
            threads -= 1
            if !pieces.isEmpty, asleep > 0 { _ = wakeOne() }
            pthread_mutex_unlock(mutex)
        }
    }

    /// The body of a thread.
    private func work() {
        let executor = asUnownedTaskExecutor()
        var hasRested = false
        pthread_mutex_lock(mutex)
        while true {
            if let piece = pieces.popFirst() {
                pthread_mutex_unlock(mutex)
                let begin = SystemClock.monotonicMicros()
                piece.runSynchronously(on: executor)
                let micros = SystemClock.monotonicMicros() - begin
                hasRested = false
                pthread_mutex_lock(mutex)
                isQuick = micros <= Self.quickMicros
                guard !isQuick, !pieces.isEmpty, wakeOne() else { continue }
                pthread_mutex_unlock(mutex)
                start()
                pthread_mutex_lock(mutex)
            } else if !hasRested {
                let rests = rests
                pthread_mutex_unlock(mutex)
                rests?()
                hasRested = true
                pthread_mutex_lock(mutex)
            } else if isStopped || threads > threadsMax {
                threads -= 1
                _ = pthread_mutex_unlock(mutex)
                return
            } else {
                sleep()
            }
        }
    }

    /// Under the mutex.
    private func sleep() {
        asleep += 1
        while woken == 0, !isStopped { pthread_cond_wait(condition, mutex) }
        if woken > 0 { woken -= 1 } else { asleep -= 1 }
    }
}
