/// The least speed of a response.
public struct SpeedLimit: Sendable, Equatable {
    /// The least bytes a second, as they come, before decoding; 1 or more.
    public let bytesPerSecond: Int
    /// The time for which a response may be slower before it ends.
    public let duration: Duration

    public init(bytesPerSecond: Int, duration: Duration) {
        self.bytesPerSecond = bytesPerSecond
        self.duration = duration
    }
}

/// Watches whether a response is too slow. Pure.
///
/// The response is slow since the last moment at which the bytes it had brought since the moment
/// before were enough.
struct SpeedWatch {
    /// The interval in µs at which a response is looked at.
    static let lookMicros = 1_000_000

    private var sinceMicros: Int
    private var bytesThen = 0

    init(atMicros now: Int) { sinceMicros = now }

    /// Looks at the bytes that have come so far.
    ///
    /// - Returns: Whether the response has been slower than `limit` for its whole duration.
    mutating func isTooSlow(
        _ bytes: Int, atMicros now: Int, _ bytesPerSecond: Int, _ durationMicros: Int
    ) -> Bool {
        let micros = now - sinceMicros
        let (needed, isHuge) = bytesPerSecond.multipliedReportingOverflow(by: micros)
        if !isHuge, micros > 0,
            (bytes - bytesThen).multipliedReportingOverflow(by: 1_000_000)
                .partialValue >= needed
        {
            (sinceMicros, bytesThen) = (now, bytes)
            return false
        }
        return micros >= durationMicros
    }
}
