import Glibc
import JobStore
import Runner
import Synchronization

/// Shows a run on stderr: a live view on a terminal, else a plain line every 10 s.
final class ProgressView: Sendable {
    let interval: Duration
    private let queue: String
    private let isLive: Bool
    private let isQuiet: Bool
    private let screen: Mutex<RedrawnText>

    init(queue: String, isQuiet: Bool) {
        self.queue = queue
        self.isQuiet = isQuiet
        isLive = Terminal.isInteractive(STDERR_FILENO)
        interval = isLive ? .milliseconds(500) : .seconds(10)
        screen = Mutex(RedrawnText(to: STDERR_FILENO))
    }

    /// The resume line: what is done, what is left, and what may be fetched again.
    func start(_ attachment: Attachment) {
        guard !isQuiet else { return }
        let counts = attachment.counts
        let done = counts.completed + counts.failed
        let verb =
            done > 0 || counts.retrying > 0 || attachment.rescued > 0 ? "resuming" : "starting"
        Terminal.say(
            "\(verb) \(queue): \(Format.count(done)) done, \(Format.count(counts.left)) left, \(Format.count(attachment.mayRepeat)) may be fetched again"
        )
    }

    func note(_ text: String) {
        screen.withLock { screen in
            Terminal.say("runner: \(text)")
            screen.settle()
        }
    }

    func show(_ progress: Progress) {
        guard !isQuiet else { return }
        if isLive {
            let text = Self.block(progress, columns: Terminal.columns(STDERR_FILENO))
            screen.withLock { screen in
                if Terminal.isReady(STDERR_FILENO) { try? screen.draw(text) }
            }
        } else {
            Terminal.say(Self.line(progress))
        }
    }

    /// The result, which follows, says it all.
    func end() { screen.withLock { try? $0.clear() } }

    /// One line, for logs.
    static func line(_ progress: Progress) -> String {
        let counts = progress.counts
        let done = counts.completed + counts.failed
        var parts = [
            "\(Format.count(done))/\(Format.count(counts.total)) (\(Format.percent(done, of: counts.total)))",
            "\(Format.count(Int(progress.rateNow)))/s",
            "average \(Format.count(Int(progress.rateAverage)))/s",
            progress.timeLeft.map { "\(Format.duration($0)) left" } ?? "no estimate",
            "\(Format.count(counts.failed)) failed",
            "\(Format.count(counts.retrying)) retrying",
            "\(Format.count(progress.inFlight)) in flight",
            Format.megabytes(progress.residentBytes),
        ]
        if let trouble = progress.troubles.first { parts.append("waiting: \(trouble.sentence)") }
        return parts.joined(separator: ", ")
    }

    /// A few lines, for a terminal.
    static func block(_ progress: Progress, columns: Int, colour: Bool = Terminal.allowsColour)
        -> String
    {
        let counts = progress.counts
        let done = counts.completed + counts.failed
        let numbers =
            " \(Format.percent(done, of: counts.total))  \(Format.count(done)) / \(Format.count(counts.total))"
        let width = max(10, min(60, columns - numbers.count - 2))
        let filled =
            counts.total > 0 ? Int(Double(width) * Double(done) / Double(counts.total)) : width
        let bar = String(repeating: "━", count: filled)
        let rest = String(repeating: "─", count: width - filled)
        var lines = [
            (colour ? "\u{1B}[32m\(bar)\u{1B}[90m\(rest)\u{1B}[0m" : bar + rest) + numbers,
            "\(Format.count(Int(progress.rateNow)))/s now   \(Format.count(Int(progress.rateAverage)))/s average   "
                + (progress.timeLeft.map { "\(Format.duration($0)) left" } ?? "no estimate yet"),
            "\(Format.count(progress.inFlight)) in flight   \(Format.megabytes(progress.residentBytes))   "
                + counts.outcomes.prefix(6).map {
                    "\($0.label)\($0.state == .retrying ? " retrying" : ""): \(Format.count($0.count))"
                }
                .joined(separator: "  "),
        ]
        if let trouble = progress.troubles.first { lines.append("waiting: \(trouble.sentence)") }
        return lines.map { clipped($0, to: columns) }.joined(separator: "\n")
    }

    /// Cut to the width of the terminal, colour codes not counted: a line that wraps cannot be
    /// drawn over.
    private static func clipped(_ line: String, to columns: Int) -> String {
        var text = ""
        var width = 0
        var isInCode = false
        for character in line {
            if character == "\u{1B}" { isInCode = true }
            if !isInCode { width += 1 }
            if isInCode || width < columns { text.append(character) }
            if isInCode && character == "m" { isInCode = false }
        }
        return text
    }
}
