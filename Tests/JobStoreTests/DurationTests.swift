import Testing

@testable import JobStore

@Suite struct DurationTests {
    @Test(arguments: [
        (Duration.microseconds(1), 1), (.milliseconds(999), 999_000), (.zero, 0),
        (.seconds(31_536_000), 31_536_000_000_000),
    ])
    func microseconds_areExact_forWholeOnes(duration: Duration, microseconds: Int) {
        #expect(duration.microseconds == microseconds)
    }

    @Test func microseconds_areRoundedUp() {
        #expect(Duration.nanoseconds(1).microseconds == 1)
        #expect(Duration.nanoseconds(1_000_001).microseconds == 1001)
    }

    @Test func microseconds_leaveRoomForAClock_forTheLongestDuration() {
        #expect(Duration.seconds(Int64.max).microseconds == Int.max / 2)
    }
}
