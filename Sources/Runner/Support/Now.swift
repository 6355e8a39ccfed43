internal import Glibc

/// The time that is handed to the types that decide.
struct Now: Sendable, Equatable {
    /// The time in µs since some start; never steps.
    var monotonicMicros: Int
    /// The Unix time in µs. The queue stores this time, since it must mean the same after a
    /// restart.
    var wallMicros: Int

    static func read() -> Now {
        Now(monotonicMicros: Self.read(CLOCK_MONOTONIC), wallMicros: Self.read(CLOCK_REALTIME))
    }

    private static func read(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
