import JobStore
import Testing

@testable import Runner

@Suite struct LimitChangeTests {
    @Test func kept_comesBackAsItWas() {
        var change = LimitChange()
        #expect(change.kept.isEmpty && !LimitChange(kept: [:]).isAny)
        change.workers = 12
        change.rate = .most(Rate(0.1, per: .seconds(60)))
        change.hostRate = .lifted
        change.delay = .most(.milliseconds(250))
        change.perHost = .most(3)
        #expect(LimitChange(kept: change.kept) == change)
        (change.rate, change.hostRate) = (.lifted, .most(Rate(1e6, per: .seconds(1))))
        (change.delay, change.perHost) = (.lifted, .lifted)
        #expect(LimitChange(kept: change.kept) == change)
    }

    @Test(arguments: [
        "", "0", "-1", "x", "1e9", "9223372036854775808", "/", "1/", "/1", "0/1", "-1/1", "1/0",
        "nan/1", "inf/1", "1/1/1", "1/x", "5e-324/1000000", "1e308/1", "1e-9/9223372036854775807",
    ])
    func kept_thatIsNoLimit_isLeftOut(text: String) {
        let names = ["workers", "rate", "host_rate", "delay_us", "per_host", "other"]
        let kept = Dictionary(uniqueKeysWithValues: names.map { ($0, text) })
        #expect(!LimitChange(kept: kept).isAny)
    }

    @Test func changed_leavesWhatIsNotAskedFor() {
        let before = HostLimits(inFlightMax: 8, rate: Rate(5, per: .seconds(1)), delay: .seconds(1))
        #expect(LimitChange().changed(before) == before)
        var change = LimitChange()
        change.delay = .lifted
        change.perHost = .lifted
        #expect(
            change.changed(before) == HostLimits(inFlightMax: .max, rate: before.rate, delay: nil))
    }
}
