import JobStore
import Testing

@testable import Runner

@Suite struct SupplyTests {
    private let limits = JobFeed.Limits()

    private func answer(_ next: Claim.Next, jobs: Int = 0) -> Claim {
        Claim(
            segments: jobs == 0 ? [] : [Segment(batch: .sample(), todo: [0..<jobs])], next: next)
    }

    @Test func anEmptyQueue_isAskedAgainAfterAWhile_orWithNothingElseToDo() {
        var supply = Supply()
        supply.add(answer(.finished), isIdle: false, limits, at: .at(ms: 0))
        #expect(supply.wasDry && !supply.isOver)
        #expect(supply.askMicros(isIdle: false) == 1_000_000 && supply.askMicros(isIdle: true) == 0)
        supply.add(answer(.now, jobs: 3), isIdle: false, limits, at: .at(ms: 1000))
        #expect(!supply.wasDry && supply.askMicros(isIdle: false) == 0)
    }

    /// Another runner had locked what there was, and has left some, perhaps.
    @Test func aQueueThatGaveNothing_thoughThereIsMore_isAskedSoon() {
        var supply = Supply()
        supply.add(answer(.now), isIdle: false, limits, at: .at(ms: 0))
        #expect(supply.askMicros(isIdle: false) == limits.askAgainMicrosMin)
    }

    @Test func theSupply_isOver_onlyWhenNothingWasLeftOut() {
        var supply = Supply()
        supply.isAsked(ClaimRequest(jobs: 1, skippedBatches: [7]))
        supply.add(answer(.finished), isIdle: true, limits, at: .at(ms: 0))
        #expect(!supply.isOver && supply.askMicros(isIdle: false) == 50_000)
        supply.isAsked(ClaimRequest(jobs: 1))
        supply.add(answer(.finished), isIdle: true, limits, at: .at(ms: 0))
        #expect(supply.isOver)
        supply.askAgain()
        #expect(!supply.isOver)
    }

    @Test func whatIsLeftAlone_isWaitedFor_evenWithNothingElseToDo() {
        var supply = Supply()
        supply.add(answer(.after(.milliseconds(700))), isIdle: true, limits, at: .at(ms: 0))
        #expect(supply.mayComeBack && !supply.isOver)
        #expect(supply.askMicros(isIdle: true) == 700_000)
    }

    /// The answer of a queue that was asked before jobs were added may not know of these.
    @Test func anAnswerThatIsOutdated_endsNothing() {
        var supply = Supply()
        for next in [Claim.Next.finished, .after(.seconds(9)), .now] {
            supply.isAsked(ClaimRequest(jobs: 1))
            supply.hasMore()
            supply.add(answer(next), isIdle: true, limits, at: .at(ms: 0))
            #expect(!supply.isOver && !supply.wasDry)
            #expect(supply.askMicros(isIdle: true) <= 0, "\(next)")
        }
        supply.isAsked(ClaimRequest(jobs: 1))
        supply.add(answer(.finished), isIdle: true, limits, at: .at(ms: 0))
        #expect(supply.isOver)
    }
}
