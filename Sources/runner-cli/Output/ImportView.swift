import Glibc
import Runner

/// Shows an import on stderr: a line that is drawn again on a terminal, else one every 10 s.
final class ImportView {
    private var screen = RedrawnText(to: STDERR_FILENO)
    private let interval: Duration
    private let begin = ContinuousClock.now
    private var last = ContinuousClock.now

    init() {
        interval = Terminal.isInteractive(STDERR_FILENO) ? .milliseconds(500) : .seconds(10)
    }

    func note(_ text: String) {
        try? screen.clear()
        Terminal.say("runner: \(Terminal.escaped(text))")
    }

    func show(_ counts: ListImporter.Counts) {
        let now = ContinuousClock.now
        guard now - last >= interval else { return }
        last = now
        try? screen.draw { _ in [Self.line(counts, after: now - begin)] }
    }

    func end() { try? screen.clear() }

    private static func line(_ counts: ListImporter.Counts, after elapsed: Duration) -> String {
        if counts.bytesRead == 0, counts.compared > 0 {
            return
                "\(Terminal.escaped(counts.list)), to compare with: \(Format.count(counts.compared)) lines"
        }
        let rate = Int(Double(counts.jobs + counts.duplicates) / max(0.001, elapsed.seconds))
        var line = "\(Terminal.escaped(counts.list)): \(Format.count(counts.jobs)) lines"
        if let all = counts.byteCount, all > 0, counts.bytesRead > 0 {
            let left = elapsed.seconds * Double(all - counts.bytesRead) / Double(counts.bytesRead)
            line +=
                " (\(Format.percent(counts.bytesRead, of: all)), \(Format.duration(.seconds(max(0, left)))) left)"
        }
        if counts.duplicates > 0 { line += ", \(Format.count(counts.duplicates)) duplicates" }
        return line + ", \(Format.count(rate))/s, \(Format.count(counts.rejected)) rejected"
    }
}
