import JobStore
import Testing

@testable import Runner

@Suite struct OutcomeTallyTests {
    @Test func totals_countOutcomes_inAnyOrder() {
        let gone = Outcome(.failed, status: 404)
        var tally = OutcomeTally()
        tally.add([])
        #expect(tally.totals.isEmpty)
        let outcomes = [Outcome.ok, .ok, gone, .unavailable, gone, .ok, .unavailable]
        tally.add(outcomes.enumerated().map { Job.sample($0.offset).mark($0.element) })
        tally.add([Job.sample(9).mark(.unavailable)])
        tally.add([Job.sample(10).mark(gone)])
        #expect(tally.totals == [.ok: 3, gone: 3, .unavailable: 3])
        #expect(tally.ofJobs == [.ok: 3, gone: 3])
    }
}
