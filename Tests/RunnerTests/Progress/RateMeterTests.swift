import Testing

@testable import Runner

@Suite struct RateMeterTests {
    private var meter = RateMeter(at: .at(ms: 0))

    @Test func perSecond_isZero_beforeAnythingHappened() {
        #expect(meter.perSecond(at: .at(ms: 0)) == 0)
        #expect(meter.perSecond(at: .at(ms: 1000)) == 0)
    }

    @Test mutating func perSecond_isOverTheTimeSinceTheStart_whileThatIsShort() {
        meter.add(500, at: .at(ms: 1000))
        #expect(meter.perSecond(at: .at(ms: 1000)) == 500)
        #expect(meter.perSecond(at: .at(ms: 2000)) == 250)
    }

    @Test mutating func perSecond_takesATenthOfASecond_atLeast() {
        meter.add(50, at: .at(ms: 1))
        #expect(meter.perSecond(at: .at(ms: 1)) == 500)
        meter.add(50, at: .at(ms: 2))
        #expect(meter.perSecond(at: .at(ms: 2)) == 1000)
    }

    @Test mutating func perSecond_isOverTheLastFiveSeconds_andForgetsWhatWasBefore() {
        meter.add(1_000_000, at: .at(ms: 1000))
        for second in 2...9 { meter.add(second == 9 ? 100 : 0, at: .at(ms: second * 1000)) }
        #expect(meter.perSecond(at: .at(ms: 9000)) == 20)
        for second in 10...14 { meter.add(0, at: .at(ms: second * 1000)) }
        #expect(meter.perSecond(at: .at(ms: 14_000)) == 0)
    }

    @Test(arguments: [1, 10, 90, 100, 101, 350, 1000, 4000, 20_000])
    mutating func perSecond_isSteady_whateverTheStepsAre(stepMs: Int) {
        // 1,000 a second for a minute and more.
        for step in 1...(60_000 / stepMs + 1) {
            let now = Now.at(ms: step * stepMs)
            meter.add(stepMs, at: now)
            if step * stepMs >= 100 {
                #expect((950...1050).contains(meter.perSecond(at: now)), "at \(step * stepMs) ms")
            }
        }
    }
}
