import JobStore
import Testing

@testable import Runner

@Suite struct RunHistoryTests {
    /// A sample at a second of a run that completes ten jobs a second, fails one, and retries two.
    private func sample(second: Int, micros: Int? = nil, p50Micros: Int = 1000) -> RunSample {
        var figures = RunFigures()
        figures.attempts = [
            RunFigures.Attempts(Outcome(.completed, status: 200), 10 * second),
            RunFigures.Attempts(Outcome(.retrying, status: 503), 2 * second),
            RunFigures.Attempts(Outcome(.failed, status: 404), second),
        ]
        figures.durations.counts[3] = 13 * second
        figures.inFlight = second
        var times = Histogram(.fine)
        if p50Micros > 0 { times.add(p50Micros) }
        figures.recent = RunMeasures.Times(times)
        return RunSample(
            takenAtMicros: micros ?? second * 1_000_000,
            counts: QueueCounts(total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: []),
            figures: figures)
    }

    @Test func aSecond_hasWhatCameInIt() throws {
        var history = RunHistory()
        history.add(sample(second: 5))
        #expect(history.seconds.isEmpty)
        history.add(sample(second: 6))
        let point = try #require(history.seconds.first)
        #expect(point.completed == 10 && point.retried == 2 && point.failed == 1)
        #expect(point.durations[3] == 13 && point.durations.reduce(0, +) == 13)
        #expect(point.at == 6 && point.seconds == 1 && point.inFlight == 6)
        #expect(abs(point.p50Micros - 1000) <= 32)
    }

    @Test func sumsOfTenSeconds_andOfMinutes_haveAllSeconds() {
        var history = RunHistory()
        for second in 0...125 { history.add(sample(second: second)) }
        #expect(history.seconds.count == 125)
        #expect(history.tenSeconds.map(\.seconds) == Array(repeating: 10, count: 12) + [5])
        #expect(history.minutes.map(\.seconds) == [60, 60, 5])
        for points in [history.seconds, history.tenSeconds, history.minutes] {
            #expect(points.reduce(0) { $0 + $1.completed } == 1250)
            #expect(points.reduce(0) { $0 + $1.durations[3] } == 13 * 125)
            #expect(points.last?.at == 125 && points.last?.inFlight == 125)
        }
    }

    /// Samples come a little late, each of them.
    @Test func stretches_stayAsLongAsTheyAre_whereSamplesAreLate() {
        var history = RunHistory()
        for second in 0...600 { history.add(sample(second: second, micros: second * 1_004_000)) }
        #expect(history.tenSeconds.dropLast().allSatisfy { abs($0.seconds - 10) < 0.6 })
        #expect(history.minutes.dropLast().allSatisfy { abs($0.seconds - 60) < 0.6 })
    }

    @Test func theMedianOfAMinute_isTheMeanOfMedians_andItsP99TheLargest() throws {
        var history = RunHistory()
        for second in 0...60 {
            history.add(
                sample(second: second, p50Micros: second == 30 ? 0 : second <= 20 ? 100 : 400))
        }
        let minute = try #require(history.minutes.first)
        #expect((296...304).contains(minute.p50Micros), "\(minute.p50Micros)")
        #expect(abs(minute.p99Micros - 400) <= 16)
    }

    @Test func theCourseIsBounded() {
        var history = RunHistory()
        // A day by the minute, and what is left of its last hour and more by the second.
        for second in stride(from: 0, to: 95_000, by: 60) { history.add(sample(second: second)) }
        for second in 95_000..<100_000 { history.add(sample(second: second)) }
        #expect((300...337).contains(history.seconds.count))
        #expect((360...405).contains(history.tenSeconds.count))
        #expect((1440...1620).contains(history.minutes.count))
        #expect(history.seconds.last?.at == 99_999)
    }

    @Test func aClockThatWasSetBack_addsNothing() {
        var history = RunHistory()
        history.add(sample(second: 10))
        history.add(sample(second: 3))
        #expect(history.seconds.isEmpty)
        history.add(sample(second: 4))
        #expect(history.seconds.map(\.completed) == [10])
    }
}
