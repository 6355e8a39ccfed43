internal import JobStore

/// Reads the field `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. Pure.
///
/// Of several such fields the last counts, as in curl: RFC 9110 lets a sender send one alone, and
/// says nothing of more.
enum RetryAfter {
    /// The wait that a value of the field asks for.
    ///
    /// A date is compared with the answer's own `Date`, so that a server whose clock is wrong is
    /// waited for no longer than it means.
    ///
    /// - Parameters:
    ///   - value: The field's value.
    ///   - date: The value of the answer's `Date`; `nil` when it has none.
    ///   - now: Unix time in seconds, which counts where `date` is no date.
    /// - Returns: The wait, zero for a date that is past, `waitMax` at most; `nil` when the value is
    ///   neither a number of seconds nor a date, as if there were no such field.
    ///
    /// | value                                  | wait                       |
    /// |----------------------------------------|----------------------------|
    /// | `120`, ` 120 `                         | 120 s                      |
    /// | `1.5`                                  | 1.5 s                      |
    /// | `Fri, 31 Dec 1999 23:59:59 GMT`        | until then, none once past |
    /// | `Friday, 31-Dec-99 23:59:59 GMT`       | the same                   |
    /// | `Fri Dec 31 23:59:59 1999`             | the same                   |
    /// | `-1`, `+1`, `1e3`, `2026-11-21`, `soon` | `nil`                      |
    static func wait(
        in value: UnsafeRawBufferPointer, date: UnsafeRawBufferPointer?, atSeconds now: Int
    ) -> Duration? {
        let value = value.trimmed
        guard let first = value.first else { return nil }
        if isDigit(first), let micros = micros(in: value) { return .microseconds(micros) }
        guard let until = HTTPDate.seconds(in: value, atSeconds: now) else { return nil }
        let since = date.flatMap { HTTPDate.seconds(in: $0, atSeconds: now) } ?? now
        return .seconds(min(max(0, until - since), Int(waitMax.components.seconds)))
    }

    /// The longest wait that is told; whoever waits has a shorter bound.
    static let waitMax = Duration.seconds(1 << 32)

    /// Reads a decimal number of seconds.
    ///
    /// - Returns: µs, `waitMax` at most; `nil` when it is no such number.
    private static func micros(in text: UnsafeRawBufferPointer) -> Int? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isDigit) })
        else { return nil }
        var micros = 0
        let microsMax = waitMax.microseconds
        for digit in parts[0] { micros = min(micros * 10 + Int(digit - 0x30), microsMax) }
        micros = min(micros, microsMax / 1_000_000) * 1_000_000
        guard parts.count == 2 else { return micros }
        var unit = 100_000
        for digit in parts[1].prefix(6) {
            micros += Int(digit - 0x30) * unit
            unit /= 10
        }
        return min(micros, microsMax)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
