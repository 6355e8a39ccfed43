public import JobStore

/// The course of a run, as charts show it: the last five minutes by the second, the last hour by ten
/// seconds, and the last day by the minute. Of bounded size: some 400 KB when full. Pure.
public struct RunHistory: Sendable {
    /// A stretch of the course.
    public struct Point: Codable, Sendable, Equatable {
        /// The Unix time in s when the stretch ended.
        public internal(set) var at = 0
        /// The length of the stretch in s.
        public internal(set) var seconds = 0.0
        /// Attempts that were committed, by the state in which they left their job.
        public internal(set) var completed = 0
        public internal(set) var retried = 0
        public internal(set) var failed = 0
        /// Bytes of heads and of bodies as they came.
        public internal(set) var bytes = 0
        /// Requests on the wire, at the end.
        public internal(set) var inFlight = 0
        /// The times in µs that half of the attempts, and 99 % of them, took at most. In stretches of
        /// more than ten seconds, the median is the mean of medians, by attempts, and the other the
        /// largest.
        public internal(set) var p50Micros = 0
        public internal(set) var p99Micros = 0
        /// The attempts by how long they took, as in `DurationSizes.counts`.
        public internal(set) var durations = [Int](
            repeating: 0, count: DurationSizes.ends.count + 1)
    }

    /// The stretches by the second, by ten seconds and by the minute; the earliest first.
    public var seconds: [Point] { bySecond.points }
    public var tenSeconds: [Point] { byTenSeconds.points }
    public var minutes: [Point] { byMinute.points }

    private var bySecond = PointRing(countMax: 300, seconds: 1)
    private var byTenSeconds = PointRing(countMax: 360, seconds: 10)
    private var byMinute = PointRing(countMax: 1440, seconds: 60)
    private var last: RunSample?

    public init() {}

    /// Takes in a sample, about a second after the one before.
    public mutating func add(_ sample: RunSample) {
        defer { last = sample }
        guard let last, sample.takenAtMicros > last.takenAtMicros else { return }
        let point = Point(from: last, to: sample)
        bySecond.add(point)
        byTenSeconds.add(point)
        byMinute.add(point)
    }
}

extension RunHistory.Point {
    /// The stretch between two samples.
    init(from last: RunSample, to sample: RunSample) {
        let (before, now) = (last.figures, sample.figures)
        at = sample.takenAtMicros / 1_000_000
        seconds = Double(sample.takenAtMicros - last.takenAtMicros) / 1_000_000
        // Of another run there is no difference.
        func attempts(_ state: Outcome.State) -> Int {
            max(0, now.attempts(state) - before.attempts(state))
        }
        completed = attempts(.completed)
        retried = attempts(.retrying)
        failed = attempts(.failed)
        bytes = max(
            0, now.measures.requests.receivedBytes - before.measures.requests.receivedBytes)
        inFlight = now.inFlight
        p50Micros = now.recent?.p50.microseconds ?? 0
        p99Micros = now.recent?.p99.microseconds ?? 0
        if now.durations.counts.count == before.durations.counts.count {
            durations = zip(now.durations.counts, before.durations.counts).map { max(0, $0 - $1) }
        }
    }

    /// Adds a stretch that follows.
    public mutating func add(_ next: RunHistory.Point) {
        let (own, others) = (medianWeight, next.medianWeight)
        if own + others > 0 {
            let sum = Double(p50Micros) * own + Double(next.p50Micros) * others
            p50Micros = Int((sum / (own + others)).rounded())
        }
        p99Micros = max(p99Micros, next.p99Micros)
        at = next.at
        seconds += next.seconds
        completed += next.completed
        retried += next.retried
        failed += next.failed
        bytes += next.bytes
        inFlight = next.inFlight
        for index in durations.indices { durations[index] += next.durations[index] }
    }

    /// The attempts that the median stands for, none where there is no median.
    private var medianWeight: Double {
        p50Micros > 0 ? Double(max(1, durations.reduce(0, +))) : 0
    }
}

extension RunFigures {
    /// The number of attempts that left their job in a state.
    public func attempts(_ state: Outcome.State) -> Int {
        attempts.reduce(0) { $1.state == state.rawValue ? $0 + $1.count : $0 }
    }
}

/// The latest stretches of one length. Pure.
struct PointRing: Sendable {
    /// The stretches that are whole, and the one that is not.
    private(set) var points: [RunHistory.Point] = []
    private let countMax: Int
    private let seconds: Double

    init(countMax: Int, seconds: Int) {
        self.countMax = countMax
        self.seconds = Double(seconds)
    }

    /// Adds a part to the last stretch, or begins another where that is long enough.
    mutating func add(_ part: RunHistory.Point) {
        // A part takes about a second, and may take a little less.
        guard let last = points.last, last.seconds + part.seconds / 2 <= seconds else {
            points.append(part)
            // Not each time, since the others move.
            if points.count > countMax + countMax / 8 {
                points.removeFirst(points.count - countMax)
            }
            return
        }
        points[points.count - 1].add(part)
    }
}
