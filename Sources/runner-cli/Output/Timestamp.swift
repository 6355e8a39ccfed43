import Glibc

/// Times as RFC 3339 in UTC.
enum Timestamp {
    static func text(_ unixTimeMicros: Int) -> String {
        var seconds = time_t(unixTimeMicros / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
