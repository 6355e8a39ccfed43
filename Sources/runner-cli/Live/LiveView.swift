import JobStore
import Runner

/// The live view of a run as lines that fit a screen. Pure.
///
/// Where there is room for little, sections show fewer rows, and blank lines go first.
struct LiveView {
    let content: LiveContent
    /// The columns and rows that the lines may take.
    let columns: Int
    let rows: Int
    let ink: Ink

    /// The fewest rows of a screen, the cursor's included, on which there is the whole view.
    static let screenRowsMin = 24

    /// The lines, none wider than `columns`, and no more than `rows` of them.
    var lines: [String] {
        let lines =
            switch content.page {
            case .overview: overview
            case .hosts: page("HOSTS, the busiest first", hosts(.max))
            case .failures: page("FAILURES, the latest first", failures)
            case .help: page("HELP", LiveHelp.lines(content.keys ?? .watch, columns: columns - 1))
            }
        return lines.prefix(rows).map { Layout.clipped($0, columns: columns) }
    }

    private enum Section: Int { case tables, hosts, events, gaps }

    private var overview: [String] {
        let (head, speed) = (self.head, self.speed)
        let (workers, foot) = (self.workers, self.foot)
        let tables = LiveTables(content: content, columns: columns, ink: ink)
        let room = rows - head.count - speed.count - workers.count - foot.count
        let (hostCount, eventCount) = (content.figures.hosts.count, content.events.count)
        let shares = Self.share(
            room,
            [
                (.tables, tables.rowsMin), (.hosts, min(2, hostCount + 1)),
                (.events, min(1, eventCount)), (.tables, tables.rowsMin + 2),
                (.hosts, min(4, hostCount + 1)), (.events, min(2, eventCount)), (.gaps, 2),
                (.tables, min(tables.rowsMax, tables.rowsMin + 4)),
                (.hosts, min(6, hostCount + 1)), (.events, min(3, eventCount)), (.gaps, 4),
                (.tables, tables.rowsMax), (.hosts, min(12, hostCount + 1)),
                (.events, min(8, eventCount)),
            ])
        let hosts = self.hosts(max(0, (shares[.hosts] ?? 0) - 1))
        let events = events(shares[.events] ?? 0)
        // The first gaps are where sections of other shapes meet.
        let parts = [
            (head, 3), (speed, 1), (tables.lines(rows: shares[.tables] ?? 0), 2),
            (hosts, hosts.isEmpty ? .max : 4), (workers + events, .max),
        ]
        var gaps = shares[.gaps] ?? 0
        let chosen = parts.map(\.1).filter { $0 < .max }.sorted().prefix(gaps)
        var lines: [String] = []
        for (part, rank) in parts {
            lines += part
            if gaps > 0, chosen.contains(rank) {
                lines.append("")
                gaps -= 1
            }
        }
        return lines + foot
    }

    /// Shares rows out among sections: each step raises one to so many rows, or to what is left.
    private static func share(
        _ rows: Int, _ steps: [(section: Section, rows: Int)]
    ) -> [Section: Int] {
        var left = max(0, rows)
        var shares: [Section: Int] = [:]
        for step in steps {
            let more = min(left, max(0, step.rows - shares[step.section, default: 0]))
            shares[step.section, default: 0] += more
            left -= more
        }
        return shares
    }

    /// A page of its own, below the head.
    private func page(_ title: String, _ lines: [String]) -> [String] {
        let (head, foot) = (self.head, self.foot)
        let room = max(0, rows - head.count - foot.count - 1)
        let shown =
            lines.count <= room
            ? lines
            : lines.prefix(max(0, room - 1)) + [" and \(lines.count - room + 1) more"]
        return head + [ink(.strong, " " + title)] + shown + foot
    }

    private func hosts(_ count: Int) -> [String] {
        guard count > 0, !content.figures.hosts.isEmpty else { return [] }
        return LiveHosts(figures: content.figures, nowMicros: content.nowMicros)
            .lines(count: count, columns: columns - 1, ink: ink).map { " " + $0 }
    }

    /// The columns from which on the workers' time has a bar, and the bar's own.
    private static let (barColumnsMin, barColumns) = (100, 24)
    /// Parts are told apart without colours, too.
    private static let patterns = ["█", "▓", "▒", "░", "╱", "╲", "·"]

    private var workers: [String] {
        let parts = content.recent.workerPercents
        guard !parts.isEmpty else { return [] }
        guard columns >= Self.barColumnsMin else {
            let texts = parts.map { "\($0.percent) % \($0.name)" }
            let pieces = ["workers: \(texts[0])"] + texts.dropFirst()
            return [" " + Layout.shortened(pieces, columns: columns - 1)]
        }
        let texts = zip(parts, Self.patterns).map { "\($1) \($0.percent) % \($0.name)" }
        let room = columns - 1 - "workers ".count - Self.barColumns - 3
        return [
            " workers " + Self.bar(parts.map(\.percent), columns: Self.barColumns) + "   "
                + Layout.shortened(texts, columns: room)
        ]
    }

    /// A bar of parts, the first of which is never without a column.
    static func bar(_ parts: [Int], columns: Int) -> String {
        let all = max(1, parts.reduce(0, +))
        var (bar, sum, drawn) = ("", 0, 0)
        for (part, pattern) in zip(parts, patterns) {
            sum += part
            let end = (sum * columns + all / 2) / all
            bar += String(repeating: pattern, count: max(0, end - drawn))
            drawn = max(drawn, end)
        }
        return bar
    }

    private func events(_ count: Int) -> [String] {
        content.events.suffix(count).map { event in
            let time = Timestamp.timeOfDay(event.atMicros)
            let text = Layout.clipped(event.text, columns: columns - 10)
            return " \(ink(.faint, time)) \(ink(event.isWarning ? .odd : nil, text))"
        }
    }

    private var failures: [String] {
        let failures = Array(content.failures.reversed())
        guard !failures.isEmpty else {
            return [" none that this view has seen; all: runner failures"]
        }
        return Table([
            Table.Column(
                title: "at", cells: failures.map { Timestamp.timeOfDay($0.atMicros) },
                isRight: false, rank: 2),
            Table.Column(
                title: "outcome", cells: failures.map(\.outcome), isRight: false,
                colours: failures.map { $0.isRetried ? .odd : .bad }),
            Table.Column(
                title: "attempt",
                cells: failures.map { "\($0.attempt)\($0.isRetried ? ", again" : "")" },
                isRight: false, rank: 3),
            Table.Column(title: "job", cells: failures.map { "\($0.id)" }, rank: 4),
            Table.Column(title: "URL", cells: failures.map(\.url), isRight: false, widthMin: 16),
            Table.Column(
                title: "reason", cells: failures.map(\.message), isRight: false, rank: 1,
                widthMin: 12),
        ]).lines(width: columns - 1, ink: ink).map { " " + $0 }
    }
}
