import Testing

@testable import Runner

@Suite struct TimeLeftTests {
    @Test func theTimeLeft_isABand() {
        #expect(TimeLeft(left: 1000, now: 100, others: [80, 50])?.from == 10)
        #expect(TimeLeft(left: 1000, now: 100, others: [80, 50])?.to == 20)
        #expect(TimeLeft(left: 1000, now: 0, others: [80, 50]) == nil)
        #expect(
            TimeLeft(left: 0, now: 10, others: [0, 0]) == TimeLeft(left: 0, now: 1, others: []))
        #expect(TimeLeft(left: .max, now: 1e-9, others: [])?.to == 1e12)
    }

    @Test func ends_nearEachOther_areOne() {
        #expect(TimeLeft(left: 1000, now: 100, others: [95])?.isNarrow == true)
        #expect(TimeLeft(left: 1000, now: 100, others: [80])?.isNarrow == false)
        #expect(TimeLeft(left: 1, now: 100, others: [2])?.isNarrow == true)
    }
}
