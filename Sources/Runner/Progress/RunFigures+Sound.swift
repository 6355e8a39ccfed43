internal import JobStore

/// A check of figures that were read from a queue, which anybody may have written to.
extension RunFigures {
    /// Larger numbers are none that a run counted: sums of them must fit.
    private static let numberMax = 1 << 56

    /// The most outcomes and hosts of figures that are read.
    private static let rowsMax = 60

    /// Whether all numbers are such as a run counts: none below 0, and none so large that a view
    /// could not add or convert it.
    public var isSound: Bool {
        let times = [recent, commits] + measures.allTimes + hosts.map(\.whole)
        let numbers =
            [elapsedMicros, inFlight, workers, workersMax, residentBytes, cpuMicros, hostCount]
            + [troubleCount, waitingUntilMicros ?? 0, pausedMicros ?? 0]
            + attempts.map(\.count) + measures.numbers + durations.numbers
            + commitDurations.numbers + times.flatMap { $0?.numbers ?? [] }
            + troubles.map(\.duration.microseconds)
            + hosts.flatMap { [$0.untilMicros ?? 0, $0.inFlight, $0.waiting, $0.attempts] }
            + hosts.map(\.failures) + (followed?.numbers ?? [])
        let rates =
            [rateNow, rateAverage, requestsPerSecondMax ?? 0] + hosts.map(\.rate)
            + hosts.map { $0.perSecondMax ?? 0 }
        let sizes = DurationSizes.ends.count + 1
        return attempts.count <= Self.rowsMax && hosts.count <= Self.rowsMax
            && troubles.count <= Self.troublesMax && durations.counts.count == sizes
            && commitDurations.counts.count == sizes
            && numbers.allSatisfy { 0...Self.numberMax ~= $0 }
            && rates.allSatisfy { 0...Double(Self.numberMax) ~= $0 }
    }
}

extension RunMeasures {
    fileprivate var allTimes: [Times?] { [firstByte, connect, tls, whole] }

    fileprivate var numbers: [Int] {
        let time = workerTime
        return [
            requests.made, requests.retried, requests.refused, requests.redirects,
            requests.receivedBytes, requests.entityTagsLeftOut ?? 0,
        ]
            + [
                time.server, time.connecting, time.resolving, time.held, time.queue, time.disk,
                time.idle,
            ].map(\.microseconds)
    }
}

extension RunMeasures.Times {
    fileprivate var numbers: [Int] { [count] + [p50, p90, p99, max].map(\.microseconds) }
}

extension FollowFigures {
    fileprivate var numbers: [Int] { [added, known, depth] + cut.values }
}

extension DurationSizes {
    fileprivate var numbers: [Int] { counts + [sumMicros] }
}
