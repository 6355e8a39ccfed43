import ArgumentParser
import Glibc

/// Refuses lists of URLs, which are not built yet, and names the alternative.
enum URLList {
    /// Refuses a command line that gives a list. The parser would report a missing option instead.
    static func refuse(in arguments: [String]) throws {
        guard let list = named(in: arguments) else { return }
        throw ValidationError(
            "\(list) cannot be queued: lists of URLs are not supported yet, only ranges of IDs; give one with --range 0..1000 --url 'https://api.example.com/items/{id}'"
        )
    }

    /// - Returns: The name of the list for messages; `nil` when no list was given.
    private static func named(in arguments: [String]) -> String? {
        let input = "standard input"
        guard let command = arguments.first else { return hasInput ? input : nil }
        guard command == "enqueue" else { return nil }
        var hasRange = false
        var rest = arguments.dropFirst()
        while let argument = rest.popFirst() {
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            switch parts[0] {
            case "-h", "--help", "--version": return nil
            case "-": return input
            case "-i", "--input":
                guard let name = parts.count > 1 ? String(parts[1]) : rest.first else { return nil }
                return name == "-" ? input : "'\(name)'"
            case "--range", "--url", "--queue":
                hasRange = hasRange || parts[0] == "--range"
                if parts.count == 1 { rest = rest.dropFirst() }
            default:
                if !argument.hasPrefix("-"), !isLikeRange(argument) { return "'\(argument)'" }
            }
        }
        return !hasRange && hasInput ? input : nil
    }

    private static func isLikeRange(_ text: String) -> Bool {
        text.allSatisfy { "0123456789_.<+-".contains($0) }
    }

    /// Whether standard input has something to read: a file that is not empty, or a pipe with data.
    private static var hasInput: Bool {
        var status = stat()
        guard fstat(STDIN_FILENO, &status) == 0 else { return false }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return status.st_size > 0
        case S_IFIFO:
            // Waits a second for the program before us in the pipe; no longer, since perhaps nobody
            // writes.
            var stream = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            return poll(&stream, 1, 1000) > 0 && stream.revents & Int16(POLLIN) != 0
        default: return false
        }
    }
}
