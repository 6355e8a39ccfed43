import Testing

@testable import Runner

@Suite struct SpeedWatchTests {
    /// The second at which a response is too slow, by the bytes that came in each second.
    private func end(of bytes: [Int], limit: Int, seconds: Int) -> Int? {
        var watch = SpeedWatch(atMicros: 0)
        var sum = 0
        for (index, more) in bytes.enumerated() {
            sum += more
            let micros = (index + 1) * 1_000_000
            if watch.isTooSlow(sum, atMicros: micros, limit, seconds * 1_000_000) {
                return index + 1
            }
        }
        return nil
    }

    private static let cases: [([Int], Int, Int, Int?)] = [
        ([0, 0, 0, 0], 1, 3, 3), ([10, 10, 10, 10], 10, 2, nil), ([9, 9, 9], 10, 2, 2),
        ([100, 0, 0, 0], 10, 3, 4), ([0, 0, 100, 0, 0, 0], 10, 3, 6),
        // Fast after the time in which it might have been slow.
        ([0, 20, 0, 20, 0, 20], 10, 2, nil), ([5, 5], .max, 2, 2),
    ]

    @Test(arguments: cases)
    func aResponse_isTooSlow_whenItWasSlowAllTheTime(
        bytes: [Int], limit: Int, seconds: Int, second: Int?
    ) {
        #expect(end(of: bytes, limit: limit, seconds: seconds) == second)
    }
}
