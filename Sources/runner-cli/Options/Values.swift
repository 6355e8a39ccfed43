import ArgumentParser
import JobStore

extension RequestTemplate {
    /// The template that `enqueue` uses when none is given.
    static let standard = "http://localhost:8080/{id}"
}

extension JobRange {
    /// The IDs for people: `0..<100`, or with a step `0...90 step 10`.
    var shown: String {
        step == 1 ? "\(first)..<\(first + count)" : "\(first)...\(last) step \(step)"
    }

    /// Reads an option's value.
    static func argument(_ text: String) throws -> JobRange { try argument(text, step: 1) }

    /// - Parameter step: The distance from one ID to the next, 1 or more.
    static func argument(_ text: String, step: Int) throws -> JobRange {
        do {
            return try JobRange(parsing: text, step: step)
        } catch {
            throw ValidationError(error.description)
        }
    }
}

/// A time in seconds; decimals are allowed, as in curl, and s, m, h or d may follow.
struct Seconds: ExpressibleByArgument, CustomStringConvertible, Equatable {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let factor: Double? =
            switch argument.last {
            case "s": 1
            case "m": 60
            case "h": 3600
            case "d": 86_400
            default: nil
            }
        let number = factor == nil ? argument : String(argument.dropLast())
        // A year is past any use, and far from what overflows.
        guard let count = Double(number), case let seconds = count * (factor ?? 1), seconds > 0,
            seconds <= 31_536_000
        else { return nil }
        duration = .milliseconds(Int(max(1, (seconds * 1000).rounded())))
    }

    var description: String { "\(Format.decimal(duration.seconds)) s" }
    var defaultValueDescription: String { Format.decimal(duration.seconds) }
}

/// A number of bytes; the suffixes k, M and G count in 1024s, as in curl.
struct ByteCount: ExpressibleByArgument {
    let bytes: Int

    init(_ bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let shift: Int? =
            switch argument.last {
            case "k", "K": 10
            case "m", "M": 20
            case "g", "G": 30
            default: nil
            }
        guard let number = Int(shift == nil ? argument : String(argument.dropLast())), number > 0
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    var defaultValueDescription: String {
        for (shift, unit) in [(30, "G"), (20, "M"), (10, "k")] where bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return String(bytes)
    }
}
