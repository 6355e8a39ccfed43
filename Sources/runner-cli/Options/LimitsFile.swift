import ArgumentParser
import Glibc
import JobStore
import Runner

/// A file of limits by host, in TOML: tables named by a pattern, with three keys.
///
///     ["api.example.com"]
///     rate = "50/s"
///     per-host = 4
///
///     ["*.example.org"]
///     delay = 1.5
///
/// That is all of TOML that is read: comments, and tables named by one string, with keys that have a
/// string without escapes or a number. Quotes may be left out.
enum LimitsFile {
    /// More is no file of limits.
    private static let bytesMax = 1 << 20

    /// Reads the rules of a file, in order.
    ///
    /// - Throws: `ValidationError` that names the line.
    static func rules(at path: String) throws -> [HostLimitsRule] {
        guard let bytes = bytes(at: path) else {
            throw ValidationError(
                "the file of limits '\(path)' cannot be read: \(String(cString: strerror(errno)))")
        }
        guard bytes.count <= bytesMax else {
            throw ValidationError(
                "'\(path)' is larger than 1 MiB, which no file of limits is; name another, or join its tables by patterns such as [\"*.example.com\"]"
            )
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ValidationError("'\(path)' is not UTF-8, which a file of limits is; save it so")
        }
        do {
            return try rules(in: text)
        } catch {
            throw ValidationError("\(path), line \(error.line): \(error.reason)")
        }
    }

    struct LineError: Error {
        let line: Int
        let reason: String
    }

    static func rules(in text: String) throws(LineError) -> [HostLimitsRule] {
        var rules: [HostLimitsRule] = []
        var table: (pattern: String, limits: HostLimits)?
        func end() {
            if let table {
                rules.append(HostLimitsRule(pattern: table.pattern, limits: table.limits))
            }
        }
        var number = 0
        // Some editors begin a file with a mark of its encoding.
        let text = text.unicodeScalars.first == "\u{FEFF}" ? text.dropFirst() : text[...]
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            let content = trimmed(withoutComment(line))
            if content.isEmpty { continue }
            if content.hasPrefix("[") {
                guard let pattern = pattern(in: content) else {
                    throw LineError(
                        line: number,
                        reason:
                            "\(content) is no table of a host; write [\"api.example.com\"], [\"*.example.com\"] or [\"*\"]"
                    )
                }
                end()
                guard !rules.contains(where: { $0.pattern == pattern.lowercased() }) else {
                    throw LineError(line: number, reason: "\(pattern) has a table already")
                }
                table = (pattern, HostLimits())
                continue
            }
            guard table != nil else {
                throw LineError(line: number, reason: "a table such as [\"*\"] comes first")
            }
            if let reason = set(content, in: &table!.limits) {
                throw LineError(line: number, reason: reason)
            }
        }
        end()
        return rules
    }

    /// - Returns: The fault of the line; `nil` when it has none.
    private static func set(_ line: Substring, in limits: inout HostLimits) -> String? {
        guard let equals = line.firstIndex(of: "=") else { return "'\(line)' has no =" }
        let key = unquoted(trimmed(line[..<equals]))
        let value = unquoted(trimmed(line[line.index(after: equals)...]))
        switch key {
        case "rate":
            guard limits.rate == nil else { return again(key) }
            guard let rate = Rate(argument: value) else {
                return "rate = '\(value)'; give one such as \"50/s\", \"100/m\" or \"1000/h\""
            }
            limits.rate = rate
        case "per-host":
            guard limits.inFlightMax == nil else { return again(key) }
            guard let count = Int(value), count > 0 else {
                return "per-host = '\(value)'; give a number of requests, 1 or more"
            }
            limits.inFlightMax = count
        case "delay":
            guard limits.delay == nil else { return again(key) }
            guard let delay = Seconds(argument: value) else {
                return "delay = '\(value)'; give seconds, such as 1.5 or \"2m\""
            }
            limits.delay = delay.duration
        default:
            return "there is no limit '\(key)'; there are rate, per-host and delay"
        }
        return nil
    }

    private static func again(_ key: String) -> String {
        "\(key) has a value in this table already; leave one of them"
    }

    private static func pattern(in line: Substring) -> String? {
        guard line.hasSuffix("]"), line.count > 2 else { return nil }
        let name = unquoted(trimmed(line.dropFirst().dropLast()))
        let host = name.hasPrefix("*") ? name.dropFirst() : name[...]
        let isPattern = name == "*" || !name.hasPrefix("*") || host.hasPrefix(".")
        guard !name.isEmpty, isPattern, !host.contains(where: { "*/\"' []".contains($0) }) else {
            return nil
        }
        return name
    }

    private static func withoutComment(_ line: Substring) -> Substring {
        var quote: Character?
        for index in line.indices {
            switch line[index] {
            case "\"", "'":
                if quote == nil { quote = line[index] } else if quote == line[index] { quote = nil }
            case "#" where quote == nil: return line[..<index]
            default: break
            }
        }
        return line
    }

    private static func unquoted(_ text: Substring) -> String {
        let isQuoted = ["\"", "'"].contains { text.hasPrefix($0) && text.hasSuffix($0) }
        return text.count >= 2 && isQuoted ? String(text.dropFirst().dropLast()) : String(text)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return start[...last]
    }

    /// Reads a file; one that is too large up to a byte behind the bound.
    private static func bytes(at path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        return ferror(file) != 0 ? nil : Array(bytes.prefix(count))
    }
}
