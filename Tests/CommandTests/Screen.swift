import Foundation
import TestSupport
import Testing

/// A terminal that a command runs in: tmux, which wraps lines again when it is made narrower, as
/// the terminals of desktops do.
final class Screen {
    private let program: Program
    private let socket: String

    /// What stands on it before: it is in use, and the next line is at its bottom.
    static let before = (1...30).map { "line \($0)" }

    /// Starts `runner` with these arguments; when it ends, the screen says with what.
    init(columns: Int, rows: Int = 24, in program: Program, _ arguments: String) async throws {
        var program = program
        program.environment["LC_ALL"] = "C.UTF-8"
        program.environment["TERM"] = "xterm-256color"
        self.program = program
        socket = program.folder.file(".tmux")
        let settings = """
            set -g status off
            set -g default-terminal screen-256color
            set -g default-shell /bin/sh
            """
        write(Array(settings.utf8), to: program.folder.file(".tmux.conf"))
        // The signal is for the program; `cat` keeps the screen.
        let script =
            "trap : INT; seq -f 'line %g' 30; \(Program.products)/runner \(arguments); echo \"exit $?\"; cat"
        try await tmux(
            "-f", program.folder.file(".tmux.conf"), "new-session", "-d", "-x", "\(columns)", "-y",
            "\(rows)", "-c", program.folder.path, script)
    }

    deinit {
        let end = Process()
        end.executableURL = URL(fileURLWithPath: "/usr/bin/tmux")
        end.arguments = ["-S", socket, "kill-server"]
        try? end.run()
        end.waitUntilExit()
    }

    @discardableResult
    private func tmux(_ arguments: String...) async throws -> String {
        let result = try await program.start("/usr/bin/tmux", ["-u", "-S", socket] + arguments)
            .wait()
        try #require(result.status == 0, "tmux \(arguments): \(result.err)")
        return result.out
    }

    /// Everything that was written since, also what has scrolled off it. A line that the terminal
    /// wrapped is one.
    func lines() async throws -> [String] {
        let text = try await tmux("capture-pane", "-p", "-J", "-S", "-")
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0).replacing(#/ +$/#, with: "") }
        let whole = lines.prefix((lines.lastIndex { !$0.isEmpty } ?? -1) + 1)
        let isWhole = whole.starts(with: Self.before)
        return Array(whole.dropFirst(isWhole ? Self.before.count : 0))
    }

    /// Waits for a line that holds this.
    func wait(
        for text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        _ = try await wait(sourceLocation) { $0.contains { $0.contains(text) } }
    }

    /// Waits until one of the texts is on it.
    func wait(
        forOneOf texts: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        _ = try await wait(sourceLocation) { lines in
            texts.contains { text in lines.contains { $0.contains(text) } }
        }
    }

    /// Waits until these are its lines, `masked` by what replaces what differs from run to run.
    func expect(
        _ expected: [String], masked: ([String]) -> [String] = { $0 },
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let lines = try await wait(sourceLocation) { masked($0) == expected }
        #expect(masked(lines) == expected, sourceLocation: sourceLocation)
    }

    private func wait(
        _ sourceLocation: SourceLocation, until isReached: ([String]) -> Bool
    ) async throws -> [String] {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let lines = try await lines()
            if isReached(lines) { return lines }
            guard ContinuousClock.now < deadline else {
                let shown = lines.joined(separator: "\n")
                Issue.record(
                    "what was awaited is not on:\n\(shown)", sourceLocation: sourceLocation)
                return lines
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func resize(columns: Int, rows: Int = 24) async throws {
        try await tmux("resize-window", "-x", "\(columns)", "-y", "\(rows)")
    }

    func interrupt() async throws { try await tmux("send-keys", "C-c") }
}
