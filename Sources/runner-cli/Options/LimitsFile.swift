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
/// That is all of TOML that is read: comments, tables, and keys with a string or a number.
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
        do {
            return try rules(in: String(decoding: bytes, as: UTF8.self))
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
            guard let rate = Rate(argument: value), limits.rate == nil else {
                return "rate = '\(value)'; give one such as \"50/s\", \"100/m\" or \"1000/h\""
            }
            limits.rate = rate
        case "per-host":
            guard let count = Int(value), count > 0, limits.inFlightMax == nil else {
                return "per-host = '\(value)'; give a number of requests, 1 or more"
            }
            limits.inFlightMax = count
        case "delay":
            guard let delay = Seconds(argument: value), limits.delay == nil else {
                return "delay = '\(value)'; give seconds, such as 1.5 or \"2m\""
            }
            limits.delay = delay.duration
        default:
            return "there is no limit '\(key)'; there are rate, per-host and delay"
        }
        return nil
    }

    private static func pattern(in line: Substring) -> String? {
        guard line.hasSuffix("]"), line.count > 2 else { return nil }
        let name = unquoted(trimmed(line.dropFirst().dropLast()))
        let host = name.hasPrefix("*") ? name.dropFirst() : name[...]
        let isPattern = name == "*" || !name.hasPrefix("*") || host.hasPrefix(".")
        guard !name.isEmpty, isPattern, !host.contains(where: { "*/\" []".contains($0) }) else {
            return nil
        }
        return name
    }

    private static func withoutComment(_ line: Substring) -> Substring {
        var isQuoted = false
        for index in line.indices {
            if line[index] == "\"" { isQuoted.toggle() }
            if line[index] == "#", !isQuoted { return line[..<index] }
        }
        return line
    }

    private static func unquoted(_ text: Substring) -> String {
        text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"")
            ? String(text.dropFirst().dropLast()) : String(text)
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
