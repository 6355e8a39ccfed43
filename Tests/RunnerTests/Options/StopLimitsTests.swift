import Synchronization
import Testing

@testable import Runner

@Suite struct StopLimitsTests {
    private func limits(_ set: (inout StopLimits) -> Void) -> StopLimits {
        var limits = StopLimits()
        set(&limits)
        return limits
    }

    @Test func noLimit_isNeverReached() {
        let ended = StopLimits.Ended(done: .max, failed: .max, bodyBytes: .max)
        let none = StopLimits()
        #expect(!none.isAny && none.reached(by: ended) == nil)
        #expect(none.reached(at: .at(ms: 1 << 40), since: 0) == nil)
        #expect(none.microsLeft(at: .at(ms: 0), since: 0) == nil)
        #expect(LimitWatch(none) == nil)
    }

    @Test(arguments: [
        (StopLimits.Failures.count(3), 2, 2, false), (.count(3), 3, 3, true),
        (.count(1), 5, 1, true), (.percent(5), 99, 99, false), (.percent(5), 100, 4, false),
        (.percent(5), 100, 5, true), (.percent(0.5), 1000, 4, false),
        (.percent(0.5), 1000, 5, true), (.percent(100), 200, 199, false),
        (.percent(100), 200, 200, true),
    ])
    func failures_areCounted_orTheirShare(
        max: StopLimits.Failures, done: Int, failed: Int, isReached: Bool
    ) {
        let limits = limits { $0.failuresMax = max }
        let ended = StopLimits.Ended(done: done, failed: failed)
        #expect(limits.reached(by: ended) == (isReached ? .failures : nil))
    }

    @Test func bodyBytes_areCounted() {
        let limits = limits { $0.bodyBytesMax = 100 }
        #expect(limits.reached(by: StopLimits.Ended(bodyBytes: 99)) == nil)
        #expect(limits.reached(by: StopLimits.Ended(bodyBytes: 100)) == .bodyBytes)
    }

    @Test func runTime_countsFromTheBegin_andUntilByTheWallClock() {
        let limits = limits {
            $0.runTimeMax = .seconds(5)
            $0.untilMicros = Now.wallStartMicros + 7_000_000
        }
        #expect(limits.microsLeft(at: .at(ms: 1000), since: 0) == 4_000_000)
        #expect(limits.microsLeft(at: .at(ms: 1000, wallSetMs: 4000), since: 0) == 2_000_000)
        #expect(limits.microsLeft(at: .at(ms: 9000), since: 0) == 0)
        #expect(limits.reached(at: .at(ms: 4999), since: 0) == nil)
        #expect(limits.reached(at: .at(ms: 5000), since: 0) == .runTime)
        #expect(limits.reached(at: .at(ms: 5000), since: 1000) == nil)
        #expect(limits.reached(at: .at(ms: 1000, wallSetMs: 6000), since: 0) == .until)
    }

    @Test func watch_stopsOnce_alsoWhereItIsConnectedLate() throws {
        let watch = try #require(LimitWatch(limits { $0.failuresMax = .count(2) }))
        let stops = Atomic(0)
        watch.add(StopLimits.Ended(done: 1, failed: 1))
        watch.connect { stops.add(1, ordering: .relaxed) }
        #expect(watch.reached == nil && stops.load(ordering: .relaxed) == 0)
        watch.add(StopLimits.Ended(done: 1, failed: 1))
        watch.add(StopLimits.Ended(done: 1, failed: 1))
        #expect(watch.reached == .failures && stops.load(ordering: .relaxed) == 1)
        watch.connect { stops.add(1, ordering: .relaxed) }
        #expect(stops.load(ordering: .relaxed) == 2)
    }
}
