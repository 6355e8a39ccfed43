import JobStore
import Testing

@testable import Runner

@Suite(.timeLimit(.minutes(1))) struct DeskTests {
    private let lease = SampleLease()
    private let feed: Feed
    private let marker: Marker
    private let desk: Desk
    /// With a host of its own: what another feed says of it would count here, too.
    private let chunk = RequestChunk(.sample(), HostTable())

    init() async throws {
        feed = Feed(lease: lease, state: JobFeed(retrying: 0), patience: .none, defaults: .sample) {
        }
        marker = Marker(lease: lease, feed: feed, patience: .none)
        desk = Desk(feed: feed, marker: marker, judge: Judge(retries: 3))
    }

    @Test func turnEnds_handsOverWhatFinished_once() async throws {
        finish(Response(status: 200), count: 3)
        desk.turnEnds()
        desk.turnEnds()
        marker.close()
        try await marker.run()
        let marks = await lease.marks
        #expect(marks.map(\.position) == [0, 1, 2])
        #expect(marks.allSatisfy { $0.outcome == .ok && $0.attempt == 1 })
    }

    @Test func finish_opensTheBreaker_whenTheOneHostCannotBeReached() {
        finish(Response(failure: .reason(.connect)), count: Breaker.threshold - 1)
        desk.turnEnds()
        #expect(feed.outages.isEmpty)
        finish(Response(failure: .reason(.dns)), count: 1)
        desk.turnEnds()
        #expect(!feed.outages.isEmpty)
    }

    @Test func finish_countsNothingAgainstTheHost_whenTheBatchHasMany() {
        let batch = RequestChunk(.sample(url: "http://{id}.example/"), .sample)
        finish(Response(failure: .reason(.connect)), count: 100, batch)
        desk.turnEnds()
        #expect(feed.outages.isEmpty)
    }

    @Test func finish_opensTheBreaker_onTroubleOfThisMachine_andGivesTheJobBack() async throws {
        finish(Response(failure: .local(.system(24))), count: 1)
        desk.turnEnds()
        #expect(feed.outages.first?.machineTrouble == .system(24))
        marker.close()
        try await marker.run()
        #expect(await lease.marks.isEmpty)
    }

    @Test func finish_startsTheCountOfFailuresAnew_onAnyStatus() {
        for _ in 0..<3 {
            finish(Response(failure: .reason(.connect)), count: Breaker.threshold - 1)
            desk.turnEnds()
            finish(Response(status: 404), count: 1)
            desk.turnEnds()
        }
        #expect(feed.outages.isEmpty)
    }

    @Test(arguments: [Outcome.Reason.badURL, .forbiddenAddress, .timeout, .other])
    func finish_keepsTheCountOfFailures_whenNoResponseCame(reason: Outcome.Reason) {
        finish(Response(failure: .reason(.connect)), count: Breaker.threshold - 1)
        desk.turnEnds()
        finish(Response(failure: .reason(reason)), count: 1)
        desk.turnEnds()
        #expect(feed.outages.isEmpty)
        finish(Response(failure: .reason(.connect)), count: 1)
        desk.turnEnds()
        #expect(!feed.outages.isEmpty)
    }

    /// The user's conditions are on answers to jobs.
    @Test func finish_asksNoConditions_aboutRobots() async throws {
        let rules = try JudgingRules([.fail: JudgingItem.list("body~^$")])
        let desk = Desk(
            feed: feed, marker: marker, judge: Judge(rules: rules),
            conditions: AnswerConditions(rules, isEncodingKept: false))
        let capture = Capture(
            CaptureStorage(
                budget: MemoryBudget(bytesMax: 1 << 20), spool: Spool { -1 }, folder: "none"))
        for position in 0..<2 {
            var response = Response(status: 500)
            response.isOfRobots = position == 1
            _ = desk.finish(
                Job(chunk: chunk, position: position, attempt: 1), with: response, capture,
                at: .at(ms: 0))
        }
        desk.turnEnds()
        marker.close()
        try await marker.run()
        #expect(await lease.marks.map(\.outcome.state) == [.failed, .retrying])
    }

    private func finish(_ response: Response, count: Int, _ batch: RequestChunk? = nil) {
        for position in 0..<count {
            let job = Job(chunk: batch ?? chunk, position: position, attempt: 1)
            _ = desk.finish(job, with: response, at: .at(ms: 0))
        }
    }
}
