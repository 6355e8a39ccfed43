internal import Glibc

/// The time, as what decides is told it.
struct Now: Sendable, Equatable {
    /// µs since some start; never steps.
    var monotonicMicros: Int
    /// Unix time in µs; what the queue stores, since it must mean the same after a restart.
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
