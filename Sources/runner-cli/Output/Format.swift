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

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
