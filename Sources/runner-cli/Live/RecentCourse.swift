import JobStore
import Runner

/// The last ten seconds of a run, for rates that its figures do not have. Pure.
struct RecentCourse: Sendable {
    private struct Moment: Sendable {
        let atMicros: Int
        let attempts: [RunFigures.Attempts]
        let workers: [WorkerShare]
        let receivedBytes: Int
    }

    /// A part of the workers' time.
    struct WorkerShare: Equatable, Sendable {
        let name: String
        var seconds: Double
    }

    private var moments: [Moment] = []
    private static let secondsMax = 10

    /// Takes in a sample, which is later than those before.
    mutating func add(_ sample: RunSample) {
        let figures = sample.figures
        if let last = moments.last {
            guard sample.takenAtMicros > last.atMicros else { return }
            // Of another run there is no difference.
            if figures.measures.requests.receivedBytes < last.receivedBytes { moments = [] }
        }
        moments.append(
            Moment(
                atMicros: sample.takenAtMicros, attempts: figures.attempts,
                workers: Self.shares(figures.measures.workerTime),
                receivedBytes: figures.measures.requests.receivedBytes))
        let begin = sample.takenAtMicros - Self.secondsMax * 1_000_000
        while moments.count > 2, moments[1].atMicros <= begin { moments.removeFirst() }
    }

    private var span: (first: Moment, last: Moment, seconds: Double)? {
        guard let first = moments.first, let last = moments.last, last.atMicros > first.atMicros
        else { return nil }
        return (first, last, Double(last.atMicros - first.atMicros) / 1_000_000)
    }

    /// Attempts a second that had an outcome; `nil` before two samples.
    func rate(of outcome: String, _ state: String) -> Double? {
        span.map { span in
            func count(_ moment: Moment) -> Int {
                moment.attempts.first { $0.outcome == outcome && $0.state == state }?.count ?? 0
            }
            return Double(max(0, count(span.last) - count(span.first))) / span.seconds
        }
    }

    /// Bytes received a second; `nil` before two samples.
    var bytesPerSecond: Double? {
        span.map { Double(max(0, $0.last.receivedBytes - $0.first.receivedBytes)) / $0.seconds }
    }

    /// The percentages of the workers' time, the largest first; those below 1 are left out.
    var workerPercents: [(name: String, percent: Int)] {
        guard let span else { return [] }
        let parts = zip(span.last.workers, span.first.workers).map {
            WorkerShare(name: $0.name, seconds: max(0, $0.seconds - $1.seconds))
        }
        return Self.percents(parts)
    }

    static func percents(_ parts: [WorkerShare]) -> [(name: String, percent: Int)] {
        let all = parts.reduce(0) { $0 + $1.seconds }
        guard all > 0 else { return [] }
        return parts.map { (name: $0.name, percent: Int(($0.seconds * 100 / all).rounded())) }
            .filter { $0.percent > 0 }.sorted { $0.percent > $1.percent }
    }

    static func shares(_ time: RunMeasures.WorkerTime) -> [WorkerShare] {
        [
            ("waiting for servers", time.server), ("connecting", time.connecting),
            ("looking names up", time.resolving), ("held back", time.held),
            ("waiting for the queue", time.queue), ("waiting for the disk", time.disk),
            ("without a job", time.idle),
        ].map { WorkerShare(name: $0.0, seconds: $0.1.seconds) }
    }
}
