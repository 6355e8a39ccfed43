import Glibc

/// Formats times as text.
enum Timestamp {
    /// The current Unix time in µs.
    static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    /// Formats a time as of RFC 3339, in UTC.
    static func text(_ unixTimeMicros: Int) -> String {
        var seconds = time_t(unixTimeMicros / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return text(&parts, "%Y-%m-%dT%H:%M:%SZ")
    }

    /// Formats the local time of day: `14:05:12`.
    static func timeOfDay(_ unixTimeMicros: Int) -> String {
        var seconds = time_t(unixTimeMicros / 1_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return text(&parts, "%H:%M:%S")
    }

    private static func text(_ parts: inout tm, _ format: String) -> String {
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
