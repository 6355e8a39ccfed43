import Testing

@testable import Runner

@Suite struct DurationTests {
    @Test(arguments: [
        (Duration.milliseconds(1), 1), (.milliseconds(999), 999), (.seconds(1), 1000),
        (.milliseconds(61_001), 61_001), (.seconds(31_536_000), 31_536_000_000),
    ])
    func milliseconds_areExact_forWholeOnes(duration: Duration, milliseconds: Int) {
        #expect(duration.milliseconds == milliseconds)
    }

    @Test(arguments: [Duration.zero, .nanoseconds(1), .microseconds(999), .seconds(-5)])
    func milliseconds_areOneAtLeast(duration: Duration) {
        #expect(duration.milliseconds == 1)
    }

    @Test(arguments: [(Duration.microseconds(1001), 2), (.nanoseconds(1_500_000_001), 1501)])
    func milliseconds_areRoundedUp(duration: Duration, milliseconds: Int) {
        #expect(duration.milliseconds == milliseconds)
    }

    @Test func milliseconds_areLarge_forTheLongestDuration() {
        #expect(Duration.seconds(Int64.max).milliseconds > Int.max / 4000)
    }
}
