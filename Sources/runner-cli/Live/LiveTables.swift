import JobStore
import Runner

/// Outcomes and latencies, beside each other where there is room, else below each other.
struct LiveTables {
    private let outcomes: [QueueCounts.Group]
    private let content: LiveContent
    private let columns: Int
    private let ink: Ink
    private let isWide: Bool

    /// The columns from which on both stand beside each other.
    private static let wide = 72
    private static let outcomeColumnsMax = 60
    private static let latencyColumns = 28

    init(content: LiveContent, columns: Int, ink: Ink) {
        self.content = content
        self.columns = columns
        self.ink = ink
        isWide = columns >= Self.wide
        outcomes = content.counts.outcomes.filter { $0.state != .cancelled && $0.count > 0 }
    }

    private var latencyRows: Int {
        content.figures.measures.whole == nil ? 0 : isWide ? 6 : 3
    }

    /// The rows that are enough for what matters, and those that all takes.
    var rowsMin: Int {
        let some = min(3, outcomes.count) + 1
        return isWide ? max(some, min(5, latencyRows)) : some + latencyRows
    }
    var rowsMax: Int {
        let all = outcomes.count + 1
        return isWide ? max(all, latencyRows) : all + latencyRows
    }

    func lines(rows: Int) -> [String] {
        guard rows > 1 else { return [] }
        guard isWide else {
            let latency = latencyRows < rows - 1 ? transposedLatency : []
            return (outcomeLines(rows: rows - latency.count, columns: columns - 1) + latency)
                .map { " " + $0 }
        }
        let width = columns - 1 - Self.latencyColumns - 3
        let left = outcomeLines(rows: rows, columns: min(width, Self.outcomeColumnsMax))
        let right = Array(latency.prefix(rows))
        return (0..<max(left.count, right.count)).map { row in
            let text = row < left.count ? left[row] : ""
            guard row < right.count else { return " " + text }
            return " " + Layout.padded(text, columns: min(width, Self.outcomeColumnsMax) + 3)
                + right[row]
        }
    }

    private func outcomeLines(rows: Int, columns: Int) -> [String] {
        guard !outcomes.isEmpty else { return [ink(.faint, "OUTCOMES"), "none yet"] }
        let room = rows - 1
        var shown = outcomes
        if shown.count > room {
            // The first of the completed, and then what failed: the rest is counted.
            let failed = outcomes.filter { $0.state == .failed }
            let retrying = outcomes.filter { $0.state == .retrying }
            let completed = outcomes.filter { $0.state == .completed }
            shown = Array(
                (completed.prefix(1) + failed + retrying + completed.dropFirst())
                    .prefix(max(1, room - 1)))
        }
        let all = max(1, outcomes.reduce(0) { $0 + $1.count })
        let rest = all - shown.reduce(0) { $0 + $1.count }
        let more = outcomes.count > shown.count ? ["\(outcomes.count - shown.count) more"] : []
        let blanks = more.map { _ in "" }
        let table = Table([
            Table.Column(
                title: "OUTCOMES", cells: shown.map { Layout.plain($0.label) } + more,
                isRight: false, widthMin: 8),
            Table.Column(
                title: "", cells: shown.map(\.state.rawValue) + blanks, isRight: false, rank: 2,
                colours: shown.map { Self.colour($0.state) }),
            Table.Column(
                title: "",
                cells: shown.map { Self.bar($0.count, of: all) } + blanks, isRight: false,
                rank: 3, colours: shown.map { Self.colour($0.state) }),
            Table.Column(
                title: "jobs",
                cells: shown.map { Format.count($0.count) } + more.map { _ in Format.count(rest) }),
            Table.Column(
                title: "/s",
                cells: shown.map { group in
                    content.recent.rate(of: group.label, group.state.rawValue).map(Format.rate)
                        ?? "–"
                } + blanks, rank: 1),
        ])
        return table.lines(width: columns, ink: ink)
    }

    private static func colour(_ state: Outcome.State) -> Ink.Colour? {
        switch state {
        case .completed: .good
        case .failed: .bad
        default: .odd
        }
    }

    private static func bar(_ count: Int, of all: Int) -> String {
        let eighths = max(1, Int((Double(count) / Double(all) * 64).rounded()))
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return Layout.padded(
            String(repeating: "█", count: eighths / 8) + parts[eighths % 8], columns: 8)
    }

    // MARK: - Latencies

    private var times: [(name: String, pick: (RunMeasures.Times) -> Duration)] {
        [("p50", { $0.p50 }), ("p90", { $0.p90 }), ("p99", { $0.p99 }), ("max", { $0.max })]
    }

    private func text(
        _ times: RunMeasures.Times?, _ pick: (RunMeasures.Times) -> Duration
    ) -> String {
        times.map { Format.precise(pick($0)) } ?? "–"
    }

    private var latency: [String] {
        guard let whole = content.figures.measures.whole else { return [] }
        let table = Table([
            Table.Column(title: "LATENCY", cells: times.map(\.name), isRight: false),
            Table.Column(
                title: "last 10 s", cells: times.map { text(content.figures.recent, $0.pick) }),
            Table.Column(title: "   all", cells: times.map { text(whole, $0.pick) }),
        ])
        return table.lines(width: Self.latencyColumns, ink: ink) + [sizes]
    }

    private var transposedLatency: [String] {
        guard let whole = content.figures.measures.whole else { return [] }
        let columns = times.enumerated().map { index, time in
            Table.Column(
                title: time.name,
                cells: [text(content.figures.recent, time.pick), text(whole, time.pick)],
                rank: [2, 3, 0, 1][index])
        }
        return Table(
            [Table.Column(title: "LATENCY", cells: ["10 s", "all"], isRight: false)] + columns
        ).lines(width: self.columns - 1, ink: ink)
    }

    /// The attempts by how long they took, between the shortest and the longest.
    private var sizes: String {
        let counts = content.figures.durations.counts
        guard let first = counts.firstIndex(where: { $0 > 0 }),
            let last = counts.lastIndex(where: { $0 > 0 })
        else { return "" }
        let ends = DurationSizes.ends
        func end(_ index: Int) -> String {
            let seconds = Double(ends[min(max(index, 0), ends.count - 1)]) / 1_000_000
            return seconds < 1
                ? "\(Int(seconds * 1000)) ms" : "\(Int(seconds.rounded())) s"
        }
        let line = Sparkline.text(
            counts[first...last].map { Double($0).squareRoot() }, columns: last - first + 1)
        return ink(.faint, first > 0 ? end(first - 1) : "0")
            + " \(line) " + ink(.faint, last < ends.count ? end(last) : ">\(end(last))")
    }
}
