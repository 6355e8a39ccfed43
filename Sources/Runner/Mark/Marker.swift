internal import JobStore
internal import Synchronization

/// Commits what finished, many jobs at a time, and only then counts them as done.
final class Marker: Sendable {
    private let buffer = Mutex(MarkBuffer())
    private let bell = Doorbell()
    private let queue: any JobQueue
    private let feed: Feed
    private let patience: Patience

    init(queue: any JobQueue, feed: Feed, patience: Patience) {
        self.queue = queue
        self.feed = feed
        self.patience = patience
    }

    /// Takes over what ended on a loop. Called once a turn of a loop, not once a job.
    ///
    /// - Parameter isLast: Whether nothing else is on its way at present.
    func add(_ marks: [Mark], bytes: Int, at now: Now, isLast: Bool = false) {
        if buffer.withLock({ $0.add(marks, bytes: bytes, at: now, isLast: isLast) }) {
            bell.ring()
        }
    }

    /// Tells that no more will come.
    func close() {
        buffer.withLock { $0.close() }
        bell.ring()
    }

    /// Commits until closed and empty.
    ///
    /// - Throws: What the queue says of a commit that failed. It is not tried again blindly: its
    ///   jobs stay unmarked, and the next run fetches them again.
    func run() async throws(QueueError) {
        var rate = RateMeter(at: Now.read())
        while true {
            let now = Now.read()
            switch buffer.withLock({ $0.next(at: now) }) {
            case .commit(let marks):
                rate.add(marks.count, at: now)
                let heartbeat = Heartbeat(requestsPerSecond: rate.perSecond(at: now))
                try await patience.whileBusy { () async throws(QueueError) in
                    try await queue.commit(marks, heartbeat: heartbeat)
                }
                let tookMicros = Now.read().monotonicMicros - now.monotonicMicros
                buffer.withLock { $0.committed(inMicros: tookMicros) }
                feed.marked(marks)
            case .wait(let untilMicros):
                await bell.wait(untilMicros: untilMicros)
            case .ended:
                return
            }
        }
    }
}
