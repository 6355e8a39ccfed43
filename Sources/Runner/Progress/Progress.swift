internal import Glibc
public import JobStore

/// The state of a run at one moment.
public struct Progress: Sendable {
    /// The counts of the queue, or of the batch that the run works on, as committed. Between two looks at the queue's totals
    /// (`JobLedger.countsInterval`), those of the last look and what this run has finished since.
    public let counts: QueueCounts
    /// Jobs finished per second, over the last few seconds (`rateNow`) and since the start
    /// (`rateAverage`), without the time for which the run was paused; `rateNow` is 0 while it is.
    public let rateNow: Double
    public let rateAverage: Double
    /// The time until all jobs left are done at the present rate; `nil` while nothing moves.
    public let timeLeft: Duration?
    public let elapsed: Duration
    /// Requests on the wire.
    public let inFlight: Int
    public let residentBytes: Int
    /// The hosts out of reach at present, or this machine; the longest-lasting trouble first.
    public let troubles: [Trouble]
    /// The Unix time in µs when the next retry is due; `nil` unless the run does nothing but wait
    /// for that retry.
    public let waitingUntilMicros: Int?
    /// The time for which people have held the run back; `nil` when they do not.
    public var pausedFor: Duration?
}

/// Looks at a run now and then.
struct ProgressWatch {
    private let queue: any JobQueue
    private let batch: Batch.ID?
    private let feed: Feed
    /// When the run began, by the clock that stands still while it is paused.
    private let startMicros: Int
    private let doneAtStart: Int
    private var lastDone = 0
    private var rate: RateMeter
    /// The queue's totals when they were asked for last, and what this run had committed then.
    private var known: (counts: QueueCounts, committed: [Outcome: Int])
    private var nextAskMicros = 0

    init(
        queue: any JobQueue, batch: Batch.ID?, feed: Feed, countsAtStart: QueueCounts
    ) {
        self.batch = batch
        self.queue = queue
        self.feed = feed
        doneAtStart = countsAtStart.done
        lastDone = doneAtStart
        known = (countsAtStart, [:])
        let now = Now.read()
        // The run may begin paused.
        let unpaused = feed.pause.unpaused(now)
        startMicros = unpaused.monotonicMicros
        nextAskMicros = now.monotonicMicros + queue.countsInterval.microseconds
        rate = RateMeter(at: unpaused)
    }

    private mutating func counts() async throws(QueueError) -> QueueCounts {
        let now = Now.read()
        guard now.monotonicMicros < nextAskMicros else {
            nextAskMicros = now.monotonicMicros + queue.countsInterval.microseconds
            let counts = try await queue.counts(of: batch)
            // What is committed meanwhile may be missing until the next look, but is never counted
            // twice.
            known = (counts, feed.committed)
            return counts
        }
        return known.counts.adding(feed.committed.merging(known.committed, uniquingKeysWith: -))
    }

    mutating func look() async throws(QueueError) -> Progress {
        let counts = try await counts()
        let now = Now.read()
        // Rates are of the time in which the run may go on.
        let pause = feed.pause
        let unpaused = pause.unpaused(now)
        let done = counts.done
        // Fewer are done where failed jobs were put back.
        rate.add(max(0, done - lastDone), at: unpaused)
        lastDone = done
        let elapsedMicros = max(1, unpaused.monotonicMicros - startMicros)
        let rateNow = pause.isOn ? 0 : rate.perSecond(at: unpaused)
        return Progress(
            counts: counts, rateNow: rateNow,
            rateAverage: Double(max(0, done - doneAtStart)) * 1_000_000 / Double(elapsedMicros),
            // A Duration holds fewer seconds than a crawl of every ID there is can need.
            timeLeft: rateNow > 0 ? .seconds(min(Double(counts.left) / rateNow, 1e18)) : nil,
            elapsed: .microseconds(elapsedMicros), inFlight: feed.inFlight,
            residentBytes: MachineLimits.residentBytes,
            troubles: feed.outages.map { Trouble($0, at: now) },
            waitingUntilMicros: feed.waitingUntilMicros.map {
                now.wallMicros + $0 - now.monotonicMicros
            },
            pausedFor: pause.sinceMicros.map { .microseconds(now.monotonicMicros - $0) })
    }
}

/// Trouble with a host that is out of reach, or with this machine. Attempts made meanwhile do not
/// count.
public struct Trouble: Sendable, Equatable {
    /// The kind of trouble, which tells what can be done about it, where anything can.
    public enum Kind: Sendable, Equatable {
        /// The host cannot be reached.
        case host
        /// The host's certificate is not trusted.
        case certificate
        /// This machine has no more open files to give.
        case openFiles
        /// The certificates to trust cannot be read.
        case authorities
        /// The proxy cannot be reached, or does not do its work.
        case proxy
        /// The proxy asks for credentials, or refuses those that it got.
        case proxyCredentials
        /// Another trouble of this machine.
        case machine
    }

    public let kind: Kind
    /// Scheme, host and port; empty where the trouble is this machine's.
    public let host: String
    /// The message of libcurl, of the name servers or of the system.
    public let message: String
    public let duration: Duration

    init(kind: Kind, host: String, message: String, duration: Duration) {
        self.kind = kind
        self.host = host
        self.message = message
        self.duration = duration
    }

    init(_ trouble: JobFeed.Outage, at now: Now) {
        let (kind, message): (Kind, String) =
            switch trouble.machineTrouble {
            case .system(EMFILE), .system(ENFILE): (.openFiles, "out of open files")
            case .system(ENOENT): (.authorities, "the certificates to trust cannot be read")
            case .system(let number): (.machine, Errno(number).description)
            case .proxy: (.proxy, trouble.message)
            case .proxyCredentials: (.proxyCredentials, trouble.message)
            case nil:
                (trouble.message.contains("certificate") ? .certificate : .host, trouble.message)
            }
        self.init(
            kind: kind, host: trouble.host, message: message,
            duration: .microseconds(max(0, now.monotonicMicros - trouble.sinceMicros)))
    }

    /// The trouble in one line, the host first.
    public var sentence: String {
        let what = message.isEmpty ? "cannot be reached" : message
        return host.isEmpty ? what : "\(host): \(what)"
    }
}
