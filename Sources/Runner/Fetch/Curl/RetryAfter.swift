internal import CCurl
internal import Glibc

/// Reads the field `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
enum RetryAfter {
    /// The wait that a value of the field asks for.
    ///
    /// - Parameters:
    ///   - text: The field's value.
    ///   - now: Unix time in seconds.
    /// - Returns: The seconds to wait, at most `Int.max`; 0 when the value asks for no wait, or is
    ///   neither a number of seconds nor a date.
    ///
    /// | value                             | seconds |
    /// |-----------------------------------|---------|
    /// | `120`                             | 120     |
    /// | `Fri, 31 Dec 1999 23:59:59 GMT`   | until then, 0 once it is past |
    /// | `Friday, 31-Dec-99 23:59:59 GMT`  | the same |
    /// | `Fri Dec 31 23:59:59 1999`        | the same |
    /// | `-1`, `1.5`, `2026-11-21`, `soon` | 0       |
    static func seconds(in text: UnsafePointer<CChar>, atSeconds now: Int) -> Int {
        let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
        guard let first = bytes.first else { return 0 }
        if (0x30...0x39).contains(first) {
            guard bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return 0 }
            return Int(String(decoding: bytes, as: UTF8.self)) ?? .max
        }
        // All three forms of a date begin with the day's name.
        guard (0x61...0x7A).contains(first | 0x20) else { return 0 }
        let time = curl_getdate(text, nil)
        return time < 0 ? 0 : max(0, time - now)
    }
}
