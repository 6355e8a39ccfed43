import JobStore
import Testing

@testable import Runner

@Suite struct RunMonitorTests {
    private func failure(_ outcome: String, _ id: Int) -> AttemptFailure {
        AttemptFailure(
            endedAtMicros: id, batch: 1, id: id, url: "http://h/\(id)", attempt: 1,
            outcome: outcome, isRetried: false, message: "")
    }

    private func sample(_ failures: [AttemptFailure] = []) -> RunSample {
        RunSample(
            takenAtMicros: 1,
            counts: QueueCounts(total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: []),
            figures: RunFigures(), failures: failures)
    }

    @Test func theLatestFailuresOfEachOutcome_stay() {
        let monitor = RunMonitor()
        monitor.add(sample([failure("timeout", 0)]))
        for second in 0..<20 {
            monitor.add(sample((0..<5).map { failure("404", 1 + second * 5 + $0) }))
        }
        let ids = monitor.read { $0.failures.map(\.id) }
        #expect(ids == [0] + Array(81...100))
        #expect(monitor.read { $0.latest } != nil)
    }

    @Test func allFailuresTogether_areBounded() {
        let monitor = RunMonitor()
        for outcome in 400..<500 {
            monitor.add(sample((0..<20).map { failure("\(outcome)", $0) }))
        }
        let failures = monitor.read { $0.failures }
        #expect(failures.count == 300 && failures.last?.outcome == "499")
    }

    @Test func theLatestEventsStay_withTheirNumbers() {
        let monitor = RunMonitor()
        for number in 1...500 { monitor.note("\(number)", number == 500 ? .warning : .info) }
        let events = monitor.read { $0.events }
        #expect(events.map(\.number) == Array(301...500))
        #expect(events.last?.text == "500" && events.last?.level == .warning)
        #expect(events.last?.atMicros ?? 0 > 1_700_000_000_000_000)
    }
}
