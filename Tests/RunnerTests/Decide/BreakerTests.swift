import Testing

@testable import Runner

@Suite struct BreakerTests {
    @Test func closed_letsAllThrough() {
        var breaker = Breaker()
        #expect(breaker.allowed(1000, inFlight: 500, at: .at(ms: 0)) == 1000)
        #expect(!breaker.isTripped && breaker.pausedUntilMicros == nil)
    }

    @Test func closed_opens_atTheThresholdOnly() {
        var breaker = Breaker()
        breaker.failed(Breaker.threshold - 1, at: .at(ms: 0))
        #expect(!breaker.isTripped)
        breaker.failed(1, at: .at(ms: 7))
        #expect(breaker.isTripped && breaker.troubledSinceMicros == 7000)
        #expect(breaker.pausedUntilMicros == 1_007_000)
    }

    @Test func closed_countsAnew_afterAnAnswer() {
        var breaker = Breaker()
        for _ in 0..<10 {
            breaker.failed(Breaker.threshold - 1, at: .at(ms: 0))
            breaker.answered()
        }
        #expect(!breaker.isTripped)
    }

    @Test func aThresholdOfOne_opensAtOnce() {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 3))
        #expect(breaker.isTripped && breaker.pausedUntilMicros == 1_003_000)
    }

    @Test func open_letsNothingThrough_untilItsPauseIsOver() {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 0))
        #expect(breaker.allowed(10, inFlight: 0, at: .at(ms: 999)) == 0)
        #expect(breaker.pausedUntilMicros == 1_000_000)
        #expect(breaker.allowed(10, inFlight: 0, at: .at(ms: 1000)) > 0)
        #expect(breaker.pausedUntilMicros == nil && breaker.isTripped)
    }

    @Test func open_isNotLengthened_byStragglers() {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 0))
        breaker.failed(500, at: .at(ms: 900))
        breaker.failed(1, at: .at(ms: 950))
        #expect(breaker.pausedUntilMicros == 1_000_000)
    }

    @Test func open_isNotClosed_byAStragglersAnswer() {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 0))
        breaker.answered()
        #expect(breaker.isTripped && breaker.pausedUntilMicros == 1_000_000)
    }

    @Test func probing_doesNotDoubleItsPause_whenOthersOfItsProbesAreAnswered() {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 0))
        _ = breaker.allowed(4, inFlight: 0, at: .at(ms: 1000))
        breaker.failed(1, at: .at(ms: 1000))
        #expect(breaker.pausedUntilMicros == 3_000_000)
        breaker.answered()
        _ = breaker.allowed(4, inFlight: 0, at: .at(ms: 3000))
        breaker.failed(1, at: .at(ms: 3000))
        #expect(breaker.isTripped && breaker.pausedUntilMicros == 4_000_000)
    }

    @Test func probing_closes_onAnAnswer() {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 0))
        #expect(breaker.allowed(1000, inFlight: 0, at: .at(ms: 1000)) == Breaker.probes)
        breaker.answered()
        #expect(!breaker.isTripped)
        #expect(breaker.allowed(1000, inFlight: 0, at: .at(ms: 1010)) == 1000)
    }

    @Test(arguments: [(0, 4), (1, 3), (4, 0), (900, 0)])
    func probing_letsAFewThrough_withWhatIsInFlight(inFlight: Int, allowed: Int) {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 0))
        #expect(breaker.allowed(1000, inFlight: inFlight, at: .at(ms: 1000)) == allowed)
        #expect(breaker.allowed(1, inFlight: inFlight, at: .at(ms: 1000)) == min(1, allowed))
    }

    @Test func probing_opensWithTwiceThePause_uptoTheLongest() throws {
        var breaker = Breaker(threshold: 1)
        var nowMs = 0
        var pausesMs: [Int] = []
        breaker.failed(1, at: .at(ms: 0))
        for _ in 0..<9 {
            let untilMicros = try #require(breaker.pausedUntilMicros)
            pausesMs.append(untilMicros / 1000 - nowMs)
            nowMs = untilMicros / 1000
            #expect(breaker.allowed(1, inFlight: 0, at: .at(ms: nowMs)) == 1)
            breaker.failed(1, at: .at(ms: nowMs))
        }
        #expect(pausesMs == [1, 2, 4, 8, 16, 32, 60, 60, 60].map { $0 * 1000 })
        #expect(breaker.troubledSinceMicros == 0)
    }

    @Test func probing_closes_onAnAnswer_andTheNextPauseIsShortAgain() {
        var breaker = Breaker(threshold: 1)
        breaker.failed(1, at: .at(ms: 0))
        _ = breaker.allowed(4, inFlight: 0, at: .at(ms: 1000))
        breaker.failed(1, at: .at(ms: 1000))
        _ = breaker.allowed(4, inFlight: 0, at: .at(ms: 3000))
        breaker.answered()
        #expect(!breaker.isTripped && breaker.allowed(99, inFlight: 3, at: .at(ms: 3000)) == 99)
        breaker.failed(1, at: .at(ms: 4000))
        #expect(breaker.pausedUntilMicros == 5_000_000)
        #expect(breaker.troubledSinceMicros == 4_000_000)
    }
}
