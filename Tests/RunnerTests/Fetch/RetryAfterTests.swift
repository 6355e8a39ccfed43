import Testing

@testable import Runner

@Suite struct RetryAfterTests {
    /// Wed, 21 Oct 2015 07:28:00 GMT.
    private let date = 1_445_412_480

    @Test(arguments: [
        ("0", 0), ("120", 120), ("99999999999999999999", Int.max), ("-1", 0), ("+1", 0), ("1.5", 0),
        ("1 s", 0), ("", 0), ("soon", 0), ("2026-11-21", 0), ("2026-11-21T10:00:00Z", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60), ("Wednesday, 21-Oct-15 07:28:00 GMT", 60),
        ("Wed Oct 21 07:28:00 2015", 60), ("Wed, 21 Oct 2015 07:26:00 GMT", 0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 0),
    ])
    func seconds_areThoseFromNow_orNone(text: String, seconds: Int) {
        #expect(RetryAfter.seconds(in: text, atSeconds: date - 60) == seconds)
    }
}
