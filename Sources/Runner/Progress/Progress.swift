internal import Glibc
public import JobStore

/// How a run stands, at one moment.
public struct Progress: Sendable {
    /// What the queue holds, as committed.
    public let counts: QueueCounts
    /// Finished per second, over the last few seconds and since the start.
    public let rateNow: Double
    public let rateAverage: Double
    /// Until everything left is done at the present rate; `nil` while nothing moves.
    public let timeLeft: Duration?
    public let elapsed: Duration
    /// Requests on the wire.
    public let inFlight: Int
    public let residentBytes: Int
    /// Why nothing gets through at present, when nothing does.
    public let trouble: String?
}

/// Looks at a run now and then.
struct ProgressWatch {
    private let queue: any JobQueue
    private let feed: Feed
    private let startMicros: Int
    private let doneAtStart: Int
    private var lastDone = 0
    private var rate: RateMeter

    init(queue: any JobQueue, feed: Feed, doneAtStart: Int) {
        self.queue = queue
        self.feed = feed
        self.doneAtStart = doneAtStart
        lastDone = doneAtStart
        let now = Now.read()
        startMicros = now.monotonicMicros
        rate = RateMeter(at: now)
    }

    mutating func look() async throws(QueueError) -> Progress {
        let counts = try await queue.counts()
        let now = Now.read()
        let done = counts.completed + counts.failed
        rate.add(done - lastDone, at: now)
        lastDone = done
        let elapsedMicros = max(1, now.monotonicMicros - startMicros)
        let rateNow = rate.perSecond(at: now)
        return Progress(
            counts: counts, rateNow: rateNow,
            rateAverage: Double(done - doneAtStart) * 1_000_000 / Double(elapsedMicros),
            // A Duration holds fewer seconds than a crawl of every ID there is can need.
            timeLeft: rateNow > 0 ? .seconds(min(Double(counts.left) / rateNow, 1e18)) : nil,
            elapsed: .microseconds(elapsedMicros), inFlight: feed.inFlight,
            residentBytes: MachineLimits.residentBytes,
            trouble: feed.trouble.map { sentence(about: $0, at: now) })
    }

    private func sentence(about trouble: Feed.Trouble, at now: Now) -> String {
        let seconds = (now.monotonicMicros - trouble.sinceMicros) / 1_000_000
        let what =
            switch trouble.localError {
            case EMFILE, ENFILE: "out of open files; lower --workers or raise ulimit -n"
            case ENOENT: "the certificates to trust cannot be read; see --cacert"
            case let number?: String(cString: strerror(number))
            case nil: "the host cannot be reached"
            }
        return
            "\(what), for \(seconds) s; attempts made meanwhile do not count, trying again now and then"
    }
}
