internal import Glibc
internal import JobStore

/// Samples a run once a second: an answer to all that views show.
struct Sampler {
    private let queue: any JobQueue
    private let batch: Batch.ID?
    private let feed: Feed
    private let marker: Marker
    private let board: MeasureBoard
    private let failures: FailureLog?
    private let follower: Follower?
    /// When the run began, by the clock that stands still while it is paused.
    private let startMicros: Int
    private let doneAtStart: Int
    private var lastDone = 0
    private var rate: RateMeter
    /// The queue's totals when they were asked for last, and what this run had committed then.
    private var known: (counts: QueueCounts, committed: [Outcome: Int])
    private var nextAskMicros = 0
    /// The times of attempts as of the last ten samples, the earliest first.
    private var earlier: [Histogram] = [Histogram(.fine)]
    private var hosts = HostRates()

    /// The most hosts of a sample, and the most of those held back beside them.
    private static let hostsMax = 25
    /// The number of samples to which `RunFigures.recent` looks back.
    private static let recentCount = 10

    /// - Parameters:
    ///   - board: Where the loops post what they have measured.
    ///   - failures: `nil` when nobody looks at failures.
    ///   - follower: `nil` when nothing is followed.
    init(
        queue: any JobQueue, batch: Batch.ID?, feed: Feed, marker: Marker, board: MeasureBoard,
        failures: FailureLog?, follower: Follower?, countsAtStart: QueueCounts
    ) {
        self.batch = batch
        self.queue = queue
        self.feed = feed
        self.marker = marker
        self.board = board
        self.failures = failures
        self.follower = follower
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
        if now.monotonicMicros >= nextAskMicros {
            nextAskMicros = now.monotonicMicros + queue.countsInterval.microseconds
            do {
                let counts = try await queue.counts(of: batch)
                // What is committed meanwhile may be missing until the next look, but is never
                // counted twice.
                known = (counts, feed.committed)
                return counts
            } catch {
                // A later look will do.
                guard error.code == .busy || error.code == .unreachable else { throw error }
            }
        }
        return known.counts.adding(feed.committed.merging(known.committed, uniquingKeysWith: -))
    }

    mutating func sample() async throws(QueueError) -> RunSample {
        let counts = try await counts()
        let now = Now.read()
        let feed = feed.figures(hostsMax: Self.hostsMax, at: now)
        // Rates are of the time in which the run may go on.
        let unpaused = feed.pause.unpaused(now)
        let done = counts.done
        // Fewer are done where failed jobs were put back.
        rate.add(max(0, done - lastDone), at: unpaused)
        lastDone = done
        return RunSample(
            takenAtMicros: now.wallMicros, counts: counts,
            figures: figures(feed, done: done, unpaused, at: now),
            failures: failures?.take() ?? [])
    }

    private mutating func figures(
        _ feed: FeedFigures, done: Int, _ unpaused: Now, at now: Now
    ) -> RunFigures {
        let elapsedMicros = max(1, unpaused.monotonicMicros - startMicros)
        let loops = board.loops
        let whole = loops.reduce(into: Histogram(.fine)) { $0.add($1.figures.whole) }
        let recent = whole.since(earlier[0])
        earlier.append(whole)
        if earlier.count > Self.recentCount { earlier.removeFirst() }
        board.hosts = feed.hosts.map(\.id)
        let commits = marker.commits
        return RunFigures(
            phase: feed.phase, elapsedMicros: elapsedMicros,
            rateNow: feed.pause.isOn ? 0 : rate.perSecond(at: unpaused),
            rateAverage: Double(max(0, done - doneAtStart)) * 1_000_000 / Double(elapsedMicros),
            inFlight: feed.inFlight, workers: feed.workers, workersMax: feed.workersMax,
            requestsPerSecondMax: feed.perSecondMax, residentBytes: MachineLimits.residentBytes,
            cpuMicros: MachineLimits.cpuMicros,
            attempts: feed.attempts.map { RunFigures.Attempts($0, $1) }
                .sorted { ($1.count, $0.outcome, $0.state) < ($0.count, $1.outcome, $1.state) },
            measures: RunMeasures(loops.map(\.figures), loops.map(\.idle), []),
            recent: RunMeasures.Times(recent),
            durations: whole.sizes(
                sumMicros: loops.reduce(0) { $0 + $1.figures.sums.wholeMicros }),
            commits: RunMeasures.Times(commits.times),
            commitDurations: commits.times.sizes(sumMicros: commits.micros),
            troubles: feed.outages.prefix(RunFigures.troublesMax).map { Trouble($0, at: now) },
            troubleCount: feed.outages.count,
            waitingUntilMicros: feed.waitingUntilMicros.map {
                now.wallMicros + $0 - now.monotonicMicros
            },
            pausedMicros: feed.isPaused
                ? feed.pause.sinceMicros.map { now.monotonicMicros - $0 } : nil,
            hosts: hosts.add(feed.hosts, times(of: loops.map(\.figures)), at: now),
            hostCount: feed.hostCount, followed: follower?.figures)
    }

    private func times(of loops: [LoopFigures]) -> [Host.ID: Histogram] {
        loops.reduce(into: [:]) { sums, loop in
            for (id, times) in loop.hosts { sums[id, default: Histogram(.coarse)].add(times) }
        }
    }
}

/// The rates of hosts, from their attempts at successive samples. Pure.
struct HostRates {
    private var last: [Host.ID: (attempts: Int, rate: Double)] = [:]
    private var lastMicros = 0
    /// The part that a rate keeps from one sample to the next.
    private static let kept = 0.7

    /// Takes in a sample of hosts, and fills in their rates and times.
    mutating func add(
        _ hosts: [(id: Host.ID, host: HostFigures)], _ times: [Host.ID: Histogram], at now: Now
    ) -> [HostFigures] {
        let seconds = Double(max(1, now.monotonicMicros - lastMicros)) / 1_000_000
        var next: [Host.ID: (attempts: Int, rate: Double)] = [:]
        let filled = hosts.map { id, host in
            var host = host
            if let before = last[id] {
                let rate = Double(max(0, host.attempts - before.attempts)) / seconds
                host.rate = before.rate * Self.kept + rate * (1 - Self.kept)
            }
            next[id] = (host.attempts, host.rate)
            host.whole = times[id].flatMap { RunMeasures.Times($0) }
            return host
        }
        (last, lastMicros) = (next, now.monotonicMicros)
        return filled
    }
}
