import JobStore
import PageFiles
import Runner
import WebView

/// The report of a queue's runs as one HTML file that needs nothing else: no scripts, and nothing
/// from a network. Pure.
struct ReportPage {
    let content: ReportContent
    /// The number that lets the file's own styles in.
    var nonce = WebToken().text

    var last: KeptCourse? { content.runs.last }

    /// The text of the file.
    var text: String {
        var html = HTMLText()
        html.markup("<!doctype html>\n")
        html.element("html", [("lang", "en")]) { html in
            html.element("head") { writeHead(to: &$0) }
            html.element("body") { html in
                writeHeader(to: &html)
                html.element("main") { html in
                    writeProgress(to: &html)
                    writeTiles(to: &html)
                    writeCharts(to: &html)
                    writeOutcomes(to: &html)
                    writeFollowed(to: &html)
                    writeWorkerTime(to: &html)
                    writeRuns(to: &html)
                    writeFailures(to: &html)
                    writeHosts(to: &html)
                    writeOutput(to: &html)
                    writeSettings(to: &html)
                    writeEvents(to: &html)
                }
                html.element("footer") { writeFooter(to: &$0) }
            }
        }
        return html.text + "\n"
    }

    private func writeHead(to html: inout HTMLText) {
        html.void("meta", [("charset", "utf-8")])
        html.void(
            "meta",
            [
                ("http-equiv", "Content-Security-Policy"),
                (
                    "content",
                    "default-src 'none'; style-src 'nonce-\(nonce)'; img-src data:; base-uri 'none'; form-action 'none'"
                ),
            ])
        html.void(
            "meta", [("name", "viewport"), ("content", "width=device-width,initial-scale=1")])
        html.void("meta", [("name", "referrer"), ("content", "no-referrer")])
        html.element("title", text: "\(done) \(content.queue) – runner report")
        let icon = PageFile.parts["icon.svg"].map { String(decoding: $0.bytes, as: UTF8.self) }
        // Or a browser asks the place of the file for one.
        html.void(
            "link",
            [
                ("rel", "icon"),
                ("href", "data:image/svg+xml,\((icon ?? "").replacing("#", with: "%23"))"),
            ])
        html.styles(PageFile.reportStyles, nonce: nonce)
    }

    private func writeHeader(to html: inout HTMLText) {
        html.element("header") { html in
            html.element("h1") { html in
                html.write("runner ")
                html.element("small", text: content.queue)
            }
            if let ending = last.map({ _ in content.ending(of: content.runs.count - 1) }) {
                let shown = ending.replacing("_", with: " ")
                html.element("span", [("class", "pill \(ending)")], text: shown)
            }
            html.element("span", [("class", "dim")], text: taken)
        }
    }

    /// When the report was made, and as of when a run's course is.
    private var taken: String {
        let made = "as of \(Timestamp.text(content.takenAtMicros))"
        guard content.isLastLive, let last else { return made }
        return "\(made), the course as of \(Timestamp.text(last.takenAtMicros))"
    }

    private var done: String {
        Format.percent(content.counts.done, of: content.counts.wanted)
    }

    private func writeProgress(to html: inout HTMLText) {
        let isGrowing = content.isLastLive && last?.figures.followed != nil
        let known = isGrowing ? " known so far" : ""
        section(
            "progress", "Progress",
            "\(done) of \(Format.count(content.counts.wanted)) jobs\(known)",
            class: "wide", to: &html
        ) { html in
            let counts = content.counts
            let parts: [ReportBar.Part] = [
                .init("completed", Double(counts.completed), "ok", Format.count(counts.completed)),
                .init("failed", Double(counts.failed), "bad", Format.count(counts.failed)),
                .init("retrying", Double(counts.retrying), "warn", Format.count(counts.retrying)),
                .init("running", Double(counts.running), "run", Format.count(counts.running)),
                .init(
                    "available", Double(counts.available), "rest", Format.count(counts.available)),
            ]
            let cancelled = ReportBar.Part(
                "cancelled", Double(counts.cancelled), "dim", Format.count(counts.cancelled))
            ReportBar(parts: parts + (counts.cancelled > 0 ? [cancelled] : [])).write(to: &html)
        }
    }

    /// - Parameter name: The end of the heading's ID.
    func section(
        _ name: StaticString, _ title: String, _ note: String = "", class style: String = "",
        to html: inout HTMLText, _ body: (inout HTMLText) -> Void
    ) {
        html.element("section", [("class", style), ("aria-labelledby", "h-\(name)")]) { html in
            html.element("h2", [("id", "h-\(name)")]) { html in
                html.write(title)
                if !note.isEmpty { html.element("span", [("class", "dim")], text: note) }
            }
            body(&html)
        }
    }

    // MARK: - Figures and charts

    private func writeTiles(to html: inout HTMLText) {
        guard let last else { return }
        let runs = content.runs
        let (seconds, finished) = (
            runs.reduce(0) { $0 + $1.length.seconds }, runs.map(\.finished).sum
        )
        let requests = runs.map(\.figures.measures.requests)
        let made = requests.map(\.made).sum
        let refused = requests.map(\.refused).sum
        let received = requests.map(\.receivedBytes).sum
        let attempts = runs.flatMap(\.figures.attempts)
        let ended = attempts.map(\.count).sum
        let bad = attempts.filter { $0.state != "completed" }.map(\.count).sum
        let cpu = runs.map(\.figures.cpuMicros).sum
        let times = last.figures.measures.whole
        let rate = Format.rate(seconds > 0 ? Double(finished) / seconds : 0)
        let (half, most) = (
            times.map { Format.precise($0.p50) }, times.map { Format.precise($0.p99) }
        )
        let tiles: [(String, String, String)] = [
            ("finished", Format.count(finished), "jobs in \(count(runs.count, "run"))"),
            ("time", Format.duration(.seconds(seconds)), "\(rate)/s on average"),
            ("requests", Format.count(made), "\(Format.count(refused)) refused (429, 503)"),
            (
                "unsuccessful", Format.percent(bad, of: max(1, ended)),
                "\(Format.count(bad)) of \(Format.count(ended)) attempts"
            ),
            ("received", Format.bytes(received), "heads and bodies as they came"),
            ("half took", half ?? "–", most.map { "99 % \($0), last run" } ?? ""),
            ("memory", Format.megabytes(last.figures.residentBytes), "last run"),
            ("CPU", made > 0 ? "\(cpu / made) µs" : "–", "a request"),
        ]
        html.element("section", [("class", "wide plain"), ("aria-labelledby", "h-tiles")]) { html in
            html.element("h2", [("id", "h-tiles"), ("class", "hidden")], text: "Figures")
            html.element("dl", [("class", "tiles")]) { html in
                for (name, big, small) in tiles {
                    html.element("div") { html in
                        html.element("dt", text: name)
                        html.element("dd", [("class", "big")], text: big)
                        html.element("dd", [("class", "small")], text: small)
                    }
                }
            }
        }
    }

    private func writeCharts(to html: inout HTMLText) {
        guard !content.runs.isEmpty else { return }
        let chart = ReportChart(CourseColumns(content.runs))
        let note = content.runs.count > 1 ? "broken lines: another run" : ""
        section("rate", "Attempts a second", note, to: &html) { html in
            chart.writeRate(to: &html)
            ReportBar.legend(
                [
                    ("ok", "completed"), ("warn", "to be retried"), ("bad", "failed"),
                    ("mark", "event"),
                ], to: &html)
        }
        section("latency", "Time of attempts", to: &html) { html in
            chart.writeTimes(to: &html)
            ReportBar.legend(
                [
                    ("run", "darker: more attempts"), ("ink", "half took less"),
                    ("bad", "99 % took less"),
                ], to: &html)
        }
    }

    private func writeWorkerTime(to html: inout HTMLText) {
        guard let last else { return }
        let styles = ["run", "warn", "mark", "bad", "dim", "ink", "rest"]
        let shares = RecentCourse.shares(last.figures.measures.workerTime)
        let total = shares.reduce(0) { $0 + $1.seconds }
        section("time", "Where the workers' time went", "in the last run", to: &html) { html in
            guard total > 0 else { return html.element("p", [("class", "dim")], text: "none yet") }
            let seen = zip(shares, styles).filter { $0.0.seconds * 2000 >= total }
            let parts = seen.map { share, style in
                let tenths = Format.decimal(share.seconds * 100 / total)
                return ReportBar.Part(share.name, share.seconds, style, "\(tenths) %")
            }
            ReportBar(parts: parts).write(to: &html)
        }
    }

    func count(_ count: Int, _ noun: String) -> String {
        "\(Format.count(count)) \(noun)\(count == 1 ? "" : "s")"
    }
}

extension [Int] {
    /// The sum, or the largest number there is: anybody may have written to a queue.
    fileprivate var sum: Int {
        reduce(0) { sum, next in
            let (sum, isTooMuch) = sum.addingReportingOverflow(next)
            return isTooMuch ? .max : sum
        }
    }
}

/// A bar of parts with a legend, which says the same in words.
struct ReportBar {
    struct Part {
        let name: String
        let size: Double
        let style: String
        let text: String

        init(_ name: String, _ size: Double, _ style: String, _ text: String) {
            (self.name, self.size, self.style, self.text) = (name, size, style, text)
        }
    }

    let parts: [Part]
    private static let width = 10_000.0

    func write(to html: inout HTMLText) {
        let total = max(parts.reduce(0) { $0 + $1.size }, 1e-9)
        html.element(
            "svg",
            [
                ("class", "strip"), ("viewBox", "0 0 \(Int(Self.width)) 18"),
                ("preserveAspectRatio", "none"), ("aria-hidden", "true"),
            ]
        ) { html in
            html.void(
                "rect", [("class", "rest"), ("width", "\(Int(Self.width))"), ("height", "18")])
            var begin = 0.0
            for part in parts where part.size > 0 {
                let width = part.size / total * Self.width
                html.void(
                    "rect",
                    [
                        ("class", part.style), ("x", "\(Int(begin.rounded()))"),
                        ("width", "\(max(1, Int(width.rounded())))"), ("height", "18"),
                    ])
                begin += width
            }
        }
        html.element("ul", [("class", "legend")]) { html in
            for part in parts {
                html.element("li") { html in
                    html.element("i", [("class", part.style)]) { _ in }
                    html.write("\(part.name) ")
                    html.element("b", text: part.text)
                }
            }
        }
    }

    static func legend(_ entries: [(style: String, text: String)], to html: inout HTMLText) {
        html.element("ul", [("class", "legend"), ("aria-label", "Colours")]) { html in
            for (style, text) in entries {
                html.element("li") { html in
                    html.element("i", [("class", style)]) { _ in }
                    html.write(text)
                }
            }
        }
    }
}
