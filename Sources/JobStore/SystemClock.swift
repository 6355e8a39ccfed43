internal import Glibc

/// The system's clocks.
package enum SystemClock {
    /// The current Unix time in µs.
    package static func unixMicros() -> Int { read(CLOCK_REALTIME) }

    /// The time in µs since some start; never steps.
    package static func monotonicMicros() -> Int { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}

extension Duration {
    /// The duration in µs, rounded up; at most half of what an `Int` holds.
    package var microseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64.max / 2_000_000 else { return Int.max / 2 }
        let unit: Int64 = 1_000_000_000_000
        return Int(seconds) * 1_000_000 + Int((attoseconds + unit - 1) / unit)
    }
}
