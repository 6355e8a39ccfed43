import JobStore
import Testing

@testable import Runner

@Suite struct RunPaceTests {
    @Test func aPace_letsOutAsManyAsItsRate_andTellsWhenTheNextMayGo() {
        var pace = RunPace(Rate(1, per: .seconds(2)), turnMicros: 1_000_000)
        #expect(pace.allowed(5, at: .at(ms: 999)) == 0 && pace.allowed(5, at: .at(ms: 1000)) == 1)
        pace.sent(1, isShort: true, at: .at(ms: 1000))
        #expect(pace.restUntilMicros == 3_000_000)
        #expect(!pace.look(at: .at(ms: 2999)) && pace.look(at: .at(ms: 3000)))
        let isToldAgain = pace.look(at: .at(ms: 3000))
        #expect(!isToldAgain)
        #expect(pace.allowed(5, at: .at(ms: 3000)) == 1)
    }

    @Test func aPace_thatLeavesNobodyWaiting_doesNotRest() {
        var pace = RunPace(Rate(1, per: .seconds(2)), turnMicros: 0)
        pace.sent(1, isShort: false, at: .at(ms: 0))
        #expect(pace.restUntilMicros == nil)
    }

    @Test func thePace_isKept_whereTurnsAreRare() {
        var pace = RunPace(Rate(1, per: .seconds(60)), turnMicros: 0)
        pace.sent(1, isShort: false, at: .at(ms: 0))
        #expect(pace.kept(at: .at(ms: 20_000))?.wait == .seconds(40))
        #expect(RunPace(Rate(2, per: .seconds(1)), turnMicros: 0).kept(at: .at(ms: 0)) == nil)
    }

    @Test func noPace_boundsNothing() {
        var pace = RunPace(nil, turnMicros: 0)
        pace.sent(100, isShort: false, at: .at(ms: 0))
        #expect(pace.allowed(1000, at: .at(ms: 0)) == 1000 && pace.restUntilMicros == nil)
        #expect(pace.kept(at: .at(ms: 0)) == nil)
    }
}
