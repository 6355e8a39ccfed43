/// The keys of the live view, in a line and on a page of their own.
enum LiveHelp {
    /// A line of keys: where it is narrow, those are left out that the page of help has anyway.
    static func keys(_ role: LiveRole, isPaused: Bool, columns: Int, ink: Ink) -> String {
        var keys: [(key: String, text: String, rank: Int)] = [
            ("p", isPaused ? "resume" : "pause", 0), ("+ -", "workers", 3), ("h", "hosts", 1),
            ("f", "failures", 2),
        ]
        switch role {
        case .run: keys += [("q", "drain", 0)]
        case .watch: keys += [("d", "drain", 4), ("q", "quit", 0)]
        }
        keys.append(("?", "help", 0))
        func width(_ keys: [(key: String, text: String, rank: Int)]) -> Int {
            keys.reduce(-2) { $0 + 3 + $1.key.count + $1.text.count }
        }
        while width(keys) > columns, let rank = keys.map(\.rank).max(), rank > 0 {
            keys.removeAll { $0.rank == rank }
        }
        return keys.map { ink(.strong, $0.key) + " " + $0.text }.joined(separator: "  ")
    }

    /// The page of help.
    static func lines(_ role: LiveRole, columns: Int) -> [String] {
        var rows = [
            ("p", "pause the run, or let it go on: as runner pause and runner resume"),
            ("+ -", "a tenth more or fewer workers: as runner set --workers"),
            ("h", "all hosts that the run tells of"), ("f", "attempts that failed of late"),
        ]
        switch role {
        case .run:
            rows += [("q", "drain: let requests in flight finish, and stop; run again to resume")]
        case .watch:
            rows += [
                ("d", "drain: ask the run to let requests in flight finish, and stop"),
                ("q", "leave this view; the run goes on"),
            ]
        }
        rows += [
            ("Esc", "back to the overview"),
            ("", "average: of jobs finished since the run began, without pauses"),
            ("", "latency: of attempts, from their start to the end of their body"),
            ("", "failing: attempts of the host that it refused, broke or cut"),
            ("", "workers: what their time of the last ten seconds went to"),
        ]
        return rows.flatMap { key, text in
            let lines = Layout.wrapped(text, columns: max(1, columns - 6))
            return lines.enumerated().map { index, line in
                Layout.padded(index == 0 ? " \(key)" : "", columns: 6) + line
            }
        }
    }
}
