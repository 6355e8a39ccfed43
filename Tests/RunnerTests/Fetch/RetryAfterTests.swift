import Testing

@testable import Runner

@Suite struct RetryAfterTests {
    /// Wed, 21 Oct 2015 07:28:00 GMT.
    private static let date = 1_445_412_480

    private func wait(_ value: String, date: String? = nil) -> Duration? {
        Array(value.utf8).withUnsafeBytes { value in
            let now = Self.date - 60
            guard let date else { return RetryAfter.wait(in: value, date: nil, atSeconds: now) }
            return Array(date.utf8).withUnsafeBytes {
                RetryAfter.wait(in: value, date: $0, atSeconds: now)
            }
        }
    }

    @Test(arguments: [
        ("0", Duration.zero), ("120", .seconds(120)), (" 120\t", .seconds(120)),
        ("007", .seconds(7)), ("1.5", .milliseconds(1500)), ("0.000001", .microseconds(1)),
        ("0.0000019", .microseconds(1)), ("2.0", .seconds(2)),
        ("99999999999999999999", RetryAfter.waitMax),
        ("99999999999999999999.999999999999", RetryAfter.waitMax),
        ("4294967296.5", RetryAfter.waitMax),
    ])
    func seconds_areRead(text: String, wait: Duration) {
        #expect(self.wait(text) == wait)
    }

    /// Told apart from a wait of none, so that the run's own wait counts.
    @Test(arguments: [
        "", " ", "-1", "+1", "1 s", "1s", "1,5", ".5", "1.", "1.2.3", "1e3", "0x10", "soon",
        "2026-11-21", "2026-11-21T10:00:00Z", "Wed, 99 Oct 2015 07:28:00 GMT", "infinity", "nan",
    ])
    func whatSaysNothing_isNone(text: String) {
        #expect(wait(text) == nil)
    }

    @Test(arguments: [
        "Wed, 21 Oct 2015 07:28:00 GMT", "Wednesday, 21-Oct-15 07:28:00 GMT",
        "Wed Oct 21 07:28:00 2015", " Wed, 21 Oct 2015 07:28:00 GMT ",
    ])
    func aDate_isWaitedFor(text: String) {
        #expect(wait(text) == .seconds(60))
        // A server whose clock is a day slow, and says so.
        #expect(wait(text, date: "Wed, 21 Oct 2015 07:27:53 GMT") == .seconds(7))
        #expect(wait(text, date: "Tue, 20 Oct 2015 07:28:00 GMT") == .seconds(86_400))
        #expect(wait(text, date: "yesterday") == .seconds(60))
        #expect(wait(text, date: "Thu, 22 Oct 2015 07:28:00 GMT") == .zero)
    }

    @Test func aDateThatIsPast_isNoWait() {
        #expect(wait("Wed, 21 Oct 2015 07:26:59 GMT") == .zero)
        #expect(wait("Thu, 11 Jul 1919 02:26:59 GMT") == .zero)
        #expect(wait("Wed, 21 Oct 9999 07:28:00 GMT") == RetryAfter.waitMax)
    }

    @Test func aDate_doesNotChangeANumber() {
        #expect(wait("5", date: "Tue, 20 Oct 2015 07:28:00 GMT") == .seconds(5))
    }
}
