import JobStore
import Runner

extension ReportPage {
    private struct Column {
        let name: String
        var isText = false
    }

    private static let outcomesMax = 100
    private static let failuresMax = 50

    private func table(
        _ label: String, _ columns: [Column], _ rows: [[String]], to html: inout HTMLText
    ) {
        let region: [HTMLText.Attribute] = [
            ("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", label),
        ]
        html.element("div", region) { html in
            html.element("table") { html in
                html.element("thead") { html in
                    html.element("tr") { html in
                        for column in columns {
                            let style: [HTMLText.Attribute] =
                                column.isText ? [("class", "text")] : []
                            html.element("th", [("scope", "col")] + style, text: column.name)
                        }
                    }
                }
                html.element("tbody") { html in
                    for row in rows {
                        html.element("tr") { html in
                            for (column, cell) in zip(columns, row) {
                                let style: [HTMLText.Attribute] =
                                    column.isText ? [("class", "text")] : []
                                html.element("td", style, text: cell)
                            }
                        }
                    }
                }
            }
        }
    }

    func writeOutcomes(to html: inout HTMLText) {
        let groups = content.counts.outcomes.filter { $0.state != .cancelled }
        let more = groups.count - Self.outcomesMax
        section(
            "outcomes", "Outcomes", more > 0 ? "and \(count(more, "further one"))" : "", to: &html
        ) { html in
            table(
                "Table of outcomes",
                [
                    Column(name: "outcome"), Column(name: "state"), Column(name: "jobs"),
                    Column(name: "of all"),
                ],
                groups.prefix(Self.outcomesMax).map {
                    [
                        $0.label, $0.state.rawValue, Format.count($0.count),
                        Format.percent($0.count, of: content.counts.wanted),
                    ]
                }, to: &html)
        }
    }

    func writeFailures(to html: inout HTMLText) {
        let failures = content.runs.flatMap(\.failures).suffix(Self.failuresMax)
        section("failures", "Recent failures", "a few of each outcome", class: "wide", to: &html) {
            html in
            if failures.isEmpty {
                html.element("p", [("class", "dim")], text: "none seen")
            } else {
                table(
                    "Table of recent failures",
                    [
                        Column(name: "job"), Column(name: "outcome"), Column(name: "attempt"),
                        Column(name: "at"), Column(name: "URL", isText: true),
                        Column(name: "why", isText: true),
                    ],
                    failures.reversed().map {
                        [
                            Format.count($0.id), $0.outcome,
                            "\(Format.count($0.attempt))\($0.isRetried ? ", again later" : "")",
                            Timestamp.text($0.atMicros), $0.url, $0.message,
                        ]
                    }, to: &html)
            }
            command("all that have failed:", "runner failures --list", to: &html)
            command(
                "one job:", "runner export --range JOB...JOB", to: &html)
        }
    }

    /// A paragraph with a command about the queue.
    private func command(_ text: String, _ command: String, to html: inout HTMLText) {
        html.element("p", [("class", "dim")]) { html in
            html.write("\(text) ")
            html.element("code", text: command + RetryAdvice.option(content.queue))
        }
    }

    func writeRuns(to html: inout HTMLText) {
        let note =
            content.runs.count >= CourseList.runsMax
            ? "the latest \(CourseList.runsMax)" : ""
        section("runs", "Runs", note, class: "wide", to: &html) { html in
            guard !content.runs.isEmpty else {
                return html.element(
                    "p", [("class", "dim")],
                    text: content.counts.done == 0 ? "no run yet" : "no run has left a course")
            }
            table(
                "Table of runs",
                [
                    Column(name: "began"), Column(name: "ended", isText: true),
                    Column(name: "took"),
                    Column(name: "jobs finished"), Column(name: "a second"),
                    Column(name: "workers"), Column(name: "requests"), Column(name: "process"),
                    Column(name: "on"), Column(name: "version"),
                ],
                content.runs.indices.map { index in
                    let run = content.runs[index]
                    let batch = run.batch.map { ", \($0) alone" } ?? ""
                    return [
                        Timestamp.text(run.startedAtMicros),
                        content.ending(of: index).replacing("_", with: " ") + batch,
                        Format.duration(run.length), Format.count(run.finished),
                        Format.rate(run.rate), Format.count(run.figures.workers),
                        Format.count(run.figures.measures.requests.made), "\(run.pid)", run.host,
                        run.version,
                    ]
                }, to: &html)
        }
    }

    /// The requests that responses led to, of the runs that follow; nothing where none does.
    func writeFollowed(to html: inout HTMLText) {
        let rows = content.runs.flatMap { run -> [[String]] in
            guard let followed = run.figures.followed else { return [] }
            let began = Timestamp.text(run.startedAtMicros)
            let counts = [("queued", followed.added), ("were there", followed.known)]
            return (counts + followed.reasons.map { ("left out \($0.words)", $0.count) }).map {
                [began, $0.0, Format.count($0.1)]
            }
        }
        guard !rows.isEmpty else { return }
        section("followed", "Requests found", "in responses, by run", to: &html) { html in
            table(
                "Table of requests found",
                [
                    Column(name: "run"), Column(name: "became of them", isText: true),
                    Column(name: "requests"),
                ], rows, to: &html)
        }
    }

    func writeHosts(to html: inout HTMLText) {
        guard let figures = last?.figures, !figures.hosts.isEmpty else { return }
        section(
            "hosts", "Hosts", "as the last run saw them last", class: "wide", to: &html
        ) { html in
            table(
                "Table of hosts",
                [
                    Column(name: "host", isText: true), Column(name: "attempts"),
                    Column(name: "failing"), Column(name: "p50"), Column(name: "p99"),
                    Column(name: "held back by", isText: true),
                ],
                figures.hosts.map { host in
                    [
                        Layout.plain(host.name), Format.count(host.attempts),
                        Format.percent(host.failures, of: max(1, host.attempts)),
                        host.whole.map { Format.precise($0.p50) } ?? "–",
                        host.whole.map { Format.precise($0.p99) } ?? "–", held(host),
                    ]
                }, to: &html)
        }
    }

    private func held(_ host: HostFigures) -> String {
        let state =
            switch host.state {
            case .ok: ""
            case .slowed: "it pushes back"
            case .resting: "it is left alone"
            case .unreachable: "out of reach"
            case .denied: "it denies access"
            }
        let rate = host.perSecondMax.map { "\(Format.rate($0))/s at most" } ?? ""
        let parts = [state, Layout.plain(host.message), rate].filter { !$0.isEmpty }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }

    func writeSettings(to html: inout HTMLText) {
        guard let last, !last.settings.isEmpty else { return }
        section("settings", "Settings", "of the last run", class: "wide", to: &html) { html in
            table(
                "Table of settings",
                [Column(name: "option"), Column(name: "value", isText: true)],
                last.settings.map { [$0.name, $0.value] }, to: &html)
        }
    }

    func writeOutput(to html: inout HTMLText) {
        section("output", "Output", class: "wide", to: &html) { html in
            guard let output = content.output else {
                return html.element("p", [("class", "dim")], text: "responses are not kept")
            }
            html.element("p", [("class", "dim")], text: output.line)
            let more = output.files - content.files.count
            table(
                "Table of output files",
                [
                    Column(name: "file", isText: true), Column(name: "records"),
                    Column(name: "size"),
                    Column(name: "state"),
                ],
                content.files.map { folder, file in
                    [
                        Layout.plain(output.folders == 1 ? file.name : "\(folder)/\(file.name)"),
                        Format.count(file.records), Format.bytes(file.bytes),
                        file.isSealed ? "sealed" : "open",
                    ]
                }, to: &html)
            if more > 0 {
                html.element("p", [("class", "dim")], text: "and \(count(more, "earlier file"))")
            }
        }
    }

    func writeEvents(to html: inout HTMLText) {
        let events = content.runs.flatMap(\.events)
        guard !events.isEmpty else { return }
        section("events", "Events", class: "wide", to: &html) { html in
            html.element("ol", [("class", "events"), ("tabindex", "0")]) { html in
                for event in events.reversed() {
                    html.element("li", event.isWarning ? [("class", "warning")] : []) { html in
                        let time = Timestamp.text(event.atMicros)
                        html.element("time", [("datetime", time)], text: time)
                        html.write(" \(event.text)")
                    }
                }
            }
        }
    }

    func writeFooter(to html: inout HTMLText) {
        html.element("p") { html in
            html.write("Made by ")
            html.element(
                "code", text: "runner report --html FILE\(RetryAdvice.option(content.queue))")
            html.write(" of runner \(RunnerCommand.version). Times are UTC.")
        }
    }
}
