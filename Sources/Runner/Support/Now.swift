internal import JobStore

/// The time that is handed to the types that decide.
struct Now: Sendable, Equatable {
    /// The time in µs since some start; never steps.
    var monotonicMicros: Int
    /// The Unix time in µs.
    var wallMicros: Int

    static func read() -> Now {
        Now(
            monotonicMicros: SystemClock.monotonicMicros(), wallMicros: SystemClock.unixMicros())
    }
}
