import JobStore
import Runner

/// The parts of the live view that are always there.
extension LiveView {
    /// Title, bar, counts and what is the matter.
    var head: [String] {
        [title, bar] + counts
            + content.notices.prefix(4).flatMap {
                Layout.wrapped(" " + $0, columns: columns).prefix(2)
            }.map { ink(.odd, $0) }
    }

    private var title: String {
        let (state, colour) = state
        let pieces = [
            "● \(state)", Format.duration(.microseconds(content.figures.elapsedMicros)),
            "pid \(content.pid)",
        ]
        let name = Layout.plain("runner \(content.title)")
        // At least a dozen columns are the name's; what people know anyway is left out first.
        let room = columns - 3 - min(12, Layout.width(name))
        var shown = pieces[...]
        while shown.count > 1, Layout.width(shown.joined(separator: "   ")) > room {
            shown.removeLast()
        }
        let right = shown.joined(separator: "   ")
        let left = Layout.cut(name, columns: columns - 3 - Layout.width(right))
        let gap = max(2, columns - 1 - Layout.width(left) - Layout.width(right))
        return " \(ink(.strong, left))\(String(repeating: " ", count: gap))\(ink(colour, shown[0]))"
            + shown.dropFirst().map { "   " + $0 }.joined()
    }

    private var state: (text: String, Ink.Colour) {
        switch content.phase {
        case .running: ("running", .good)
        case .paused: ("paused", .odd)
        case .stalled: ("out of reach", .bad)
        case .waiting: ("waiting", .odd)
        case .stopping: ("stopping", .odd)
        }
    }

    private var bar: String {
        let counts = content.counts
        let percent = Format.percent(counts.done, of: counts.wanted)
        let width = max(0, columns - 3 - 7)
        let cells = Self.cells(
            completed: counts.completed, failed: counts.failed, of: counts.wanted, width: width)
        return " " + ink(.good, String(repeating: "━", count: cells.completed))
            + ink(.bad, String(repeating: "╍", count: cells.failed))
            + ink(.faint, String(repeating: "─", count: width - cells.completed - cells.failed))
            + "  " + Layout.padded(percent, columns: 7, isRight: true)
    }

    /// The columns of a bar that stand for completed and for failed jobs: of each kind that there
    /// is, one at least.
    static func cells(
        completed: Int, failed: Int, of wanted: Int, width: Int
    ) -> (completed: Int, failed: Int) {
        guard wanted > 0, width > 1 else { return (wanted > 0 ? 0 : max(0, width), 0) }
        func share(_ count: Int) -> Int { Int(Double(width) * Double(count) / Double(wanted)) }
        let bad = failed > 0 ? max(1, share(failed)) : 0
        let all = min(width, completed + failed >= wanted ? width : share(completed + failed))
        let good = max(completed > 0 ? 1 : 0, all - bad)
        return (min(good, width - min(bad, width - 1)), min(bad, width - 1))
    }

    private var counts: [String] {
        let (counts, figures) = (content.counts, content.figures)
        let known = figures.followed == nil ? "" : " known so far"
        var pieces = ["\(Format.count(counts.done)) of \(Format.count(counts.wanted))\(known)"]
        if counts.left > 0 { pieces.append(timeLeft(counts, figures)) }
        if counts.retrying > 0 {
            pieces.append(ink(.odd, "\(Format.count(counts.retrying)) retrying"))
        }
        pieces.append(ink(counts.failed > 0 ? .bad : nil, "\(Format.count(counts.failed)) failed"))
        if counts.cancelled > 0 { pieces.append("\(Format.count(counts.cancelled)) cancelled") }
        return Layout.flowed(pieces, columns: columns - 1).prefix(3).map { " " + $0 }
    }

    private func timeLeft(_ counts: QueueCounts, _ figures: RunFigures) -> String {
        let sample = RunSample(
            takenAtMicros: content.nowMicros, counts: counts, figures: figures)
        guard let left = TimeLeft(of: sample, lastMinute: content.points.suffix(60)) else {
            return "no estimate yet"
        }
        let (from, to) = (left.from, left.isNarrow ? left.from : left.to)
        let length = Self.span(Format.duration(.seconds(from)), Format.duration(.seconds(to)))
        // Of jobs yet to be found, nobody knows.
        guard !sample.isGrowing else { return "\(length) for these" }
        guard from >= 60, to < 86_400 else { return "\(length) left" }
        func end(_ seconds: Double) -> String {
            String(Timestamp.timeOfDay(content.nowMicros + Int(seconds * 1_000_000)).dropLast(3))
        }
        return "\(length) left (\(Self.span(end(from), end(to))))"
    }

    /// Both ends of a span, or the one where they are the same.
    private static func span(_ from: String, _ to: String) -> String {
        from == to ? from : "\(from) – \(to)"
    }

    /// The rate and its course, and what the run takes of the machine.
    var speed: [String] {
        let figures = content.figures
        let now = "\(Format.rate(figures.rateNow))/s now"
        let average = "average \(Format.rate(figures.rateAverage))/s"
        let first = Layout.padded(" " + now, columns: min(14, columns))
        let last = "  " + average
        let room = columns - Layout.width(first) - Layout.width(last) - 2
        let rates = content.points.map { Double($0.completed + $0.failed) / max($0.seconds, 0.001) }
        let rate =
            room >= 8
            ? [first + " " + ink(.good, Sparkline.text(rates, columns: room)) + last]
            : Layout.flowed([now, average], columns: columns - 1).map { " " + $0 }
        let requests = figures.measures.requests
        var load = [
            "\(Format.count(figures.inFlight)) of \(Format.count(figures.workers)) in flight"
        ]
        if let bytes = content.recent.bytesPerSecond {
            load.append("\(Format.bytes(Int(bytes)))/s, \(Format.bytes(requests.receivedBytes))")
        }
        load.append("\(Format.megabytes(figures.residentBytes)) memory")
        if requests.made > 0 {
            load.append("\(Format.count(figures.cpuMicros / requests.made)) µs CPU each")
        }
        let found = figures.followed.map { [Layout.shortened($0.pieces, columns: columns - 1)] }
        return rate
            + (Layout.flowed(load, columns: columns - 1).prefix(3) + (found ?? [])).map { " " + $0 }
    }

    /// The keys, or what the last one did.
    var foot: [String] {
        if let message = content.message { return [" " + ink(.strong, message)] }
        guard let role = content.keys else { return [] }
        return [
            " "
                + LiveHelp.keys(
                    role, isPaused: content.phase == .paused, columns: columns - 1, ink: ink
                )
        ]
    }
}
