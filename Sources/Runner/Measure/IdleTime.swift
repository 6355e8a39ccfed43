/// The reason why a worker that asks for a job gets none.
enum Shortage {
    /// There is no job left, or the run ends.
    case noJob
    /// Jobs wait for hosts out of reach, for their turn at a host, or for their next attempt.
    case held
    /// Jobs are being claimed from the queue.
    case queue
    /// Ended jobs wait for their commit, or the output takes all the memory there is.
    case disk
}

/// The time that the workers of a loop wait for jobs, by reason.
struct IdleTime {
    /// The sums of all workers, in µs.
    private(set) var noJobMicros = 0
    private(set) var heldMicros = 0
    private(set) var queueMicros = 0
    private(set) var diskMicros = 0
    private var waiting = 0
    private var reason = Shortage.noJob
    private var sinceMicros = 0

    /// Takes in that from now on so many workers wait for this reason.
    mutating func note(waiting: Int, because reason: Shortage, at now: Now) {
        let micros = self.waiting * (now.monotonicMicros - sinceMicros)
        switch self.reason {
        case .noJob: noJobMicros += micros
        case .held: heldMicros += micros
        case .queue: queueMicros += micros
        case .disk: diskMicros += micros
        }
        (self.waiting, self.reason, sinceMicros) = (waiting, reason, now.monotonicMicros)
    }
}
