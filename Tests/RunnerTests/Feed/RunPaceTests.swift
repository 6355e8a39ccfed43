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

    // MARK: - Shares

    /// Each of many runs that come would send one at once.
    @Test func aPartOfARate_beginsWithAWait_andTheWholeOfItDoesNot() {
        var pace = RunPace(Rate(100, per: .seconds(1)), turnMicros: 0)
        pace.keep(toShare: 10, isWhole: false, at: .at(ms: 1000))
        #expect(pace.allowed(5, at: .at(ms: 1099)) == 0 && pace.allowed(5, at: .at(ms: 1100)) == 1)
        var whole = RunPace(nil, turnMicros: 0)
        whole.keep(toShare: 10, isWhole: true, at: .at(ms: 1000))
        #expect(whole.allowed(5, at: .at(ms: 1000)) == 1)
        // The queue remembers when the last run had its turn.
        var known = RunPace(nil, turnMicros: 3_000_000)
        known.keep(toShare: 10, isWhole: true, at: .at(ms: 1000))
        #expect(
            known.allowed(5, at: .at(ms: 2999)) == 0 && known.allowed(5, at: .at(ms: 3000)) == 1)
    }

    @Test func aShareOfNothing_letsNothingOut_andWithoutARateAnything() {
        var pace = RunPace(nil, turnMicros: 0)
        pace.keep(toShare: 0, isWhole: false, at: .at(ms: 0))
        #expect(pace.allowed(5, at: .at(ms: 3_600_000)) == 0 && pace.perSecondMax == 0)
        pace.sent(0, isShort: true, at: .at(ms: 1))
        #expect(pace.restUntilMicros == nil)
        // The wish that it was begun with is the fleet's: it does not come back.
        pace.keep(to: Rate(1000, per: .seconds(1)), at: .at(ms: 2))
        #expect(pace.allowed(5, at: .at(ms: 3_600_000)) == 0)
        pace.keep(toShare: .infinity, isWhole: true, at: .at(ms: 3))
        #expect(pace.allowed(5000, at: .at(ms: 3)) == 5000 && pace.perSecondMax == nil)
    }

    /// A process that was stopped for an hour has saved up 20 ms of its share.
    @Test func aShare_savesUpHardlyAnything() {
        var pace = RunPace(nil, turnMicros: 0)
        pace.keep(toShare: 1000, isWhole: false, at: .at(ms: 0))
        #expect(pace.allowed(5000, at: .at(ms: 3_600_000)) == 21)
    }

    @Test func aRun_thatUsesLittle_wantsLittle_andAnythingOnceItIsHeldUp() {
        var wants = ShareWants()
        #expect(wants.after(.init(), kept: 100, at: .at(ms: 0)) == .infinity)
        #expect(wants.after(.init(sent: 30), kept: 100, at: .at(ms: 4000)) == .infinity)
        #expect(wants.after(.init(sent: 20), kept: 100, at: .at(ms: 5000)) == 32)
        #expect(
            wants.after(.init(sent: 1, isShort: true), kept: 100, at: .at(ms: 5100)) == .infinity)
        #expect(wants.after(.init(sent: 40), kept: 100, at: .at(ms: 10_100)) == 16)
        #expect(wants.after(.init(), kept: 16, at: .at(ms: 15_100)) == 0)
        // With nothing of the rate it would never be held up for long enough otherwise.
        #expect(wants.after(.init(), kept: 0, at: .at(ms: 90_000)) == 0)
        #expect(wants.after(.init(isShort: true), kept: 0, at: .at(ms: 90_001)) == .infinity)
    }

    @Test func noPace_boundsNothing() {
        var pace = RunPace(nil, turnMicros: 0)
        pace.sent(100, isShort: false, at: .at(ms: 0))
        #expect(pace.allowed(1000, at: .at(ms: 0)) == 1000 && pace.restUntilMicros == nil)
        #expect(pace.kept(at: .at(ms: 0)) == nil)
    }
}
