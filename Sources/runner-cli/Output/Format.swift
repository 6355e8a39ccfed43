/// Formats numbers for people.
enum Format {
    /// Formats `1234567` as `1,234,567`.
    static func count(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number.magnitude).reversed().enumerated() {
            if index > 0 && index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + String(text.reversed())
    }

    /// Formats a number with one decimal unless it is whole: `2.5`, `30`.
    static func decimal(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// Formats a time as `8.4 s`, `2m 08s`, `3h 05m`, `12d 4h`.
    static func duration(_ duration: Duration) -> String {
        let seconds = duration.seconds
        if seconds < 59.95 { return "\(decimal(seconds)) s" }
        let whole = Int(min(seconds.rounded(), 1e18))
        if whole < 3600 { return "\(whole / 60)m \(padded(whole % 60))s" }
        if whole < 86_400 { return "\(whole / 3600)h \(padded(whole / 60 % 60))m" }
        return "\(whole / 86_400)d \(whole / 3600 % 24)h"
    }

    /// Formats a share as `43.1 %`; a share below 100 % is never rounded up to it.
    static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else { return "100 %" }
        if part >= whole { return "100 %" }
        let tenths = Int(Double(part) * 1000 / Double(whole))
        return "\(min(tenths, 999) / 10).\(min(tenths, 999) % 10) %"
    }

    static func megabytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MB" }

    /// Formats a number of bytes with three digits or so: `650 KB`, `12.1 MB`, `7.1 GB`, in powers
    /// of 1024.
    static func bytes(_ count: Int) -> String {
        guard count >= 10 << 20 else { return "\(Self.count((count + 1023) >> 10)) KB" }
        var number = Double(count) / 1_048_576
        var units = ["MB", "GB", "TB", "PB", "EB"][...]
        while number >= 999.5, units.count > 1 {
            number /= 1024
            units.removeFirst()
        }
        return
            "\(number >= 99.5 ? "\(Int(number.rounded()))" : decimal(number)) \(units[units.startIndex])"
    }

    /// Formats a duration with three digits or so: `2.31 s`, `45.2 ms`, `0.12 ms`.
    static func precise(_ duration: Duration) -> String {
        let millis = duration.seconds * 1000
        if millis >= 59_950 { return Self.duration(duration) }
        let (number, unit) = millis >= 1000 ? (millis / 1000, "s") : (millis, "ms")
        return "\(digits(number)) \(unit)"
    }

    /// Formats a number of things a second: `610`, `9.5`, `0.1`.
    static func rate(_ perSecond: Double) -> String {
        perSecond >= 9.95 || perSecond == 0
            ? count(Int(min(perSecond, 1e18))) : decimal(max(0.1, perSecond))
    }

    private static func digits(_ number: Double) -> String {
        if number >= 99.5 { return "\(Int(number.rounded()))" }
        if number >= 9.95 { return decimal(number) }
        let hundredths = Int((number * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(padded(rest))"
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
