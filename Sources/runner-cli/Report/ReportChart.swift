import Runner

/// A chart of the course of runs as SVG, which says in words what it shows. Pure.
struct ReportChart {
    private let columns: CourseColumns
    private static let (width, height, left, foot) = (720.0, 180.0, 52.0, 16.0)
    private static var room: Double { height - foot }

    init(_ columns: CourseColumns) { self.columns = columns }

    private func x(_ seconds: Double) -> Double {
        Self.left + (Self.width - Self.left) * seconds / max(columns.seconds, 0.001)
    }

    // MARK: - Rate

    func writeRate(to html: inout HTMLText) {
        let most = columns.all.map(\.rate).max() ?? 0
        let top = max(1, most) * 1.1
        let label =
            most > 0
            ? "Attempts a second over \(Format.duration(.seconds(columns.seconds))): \(Format.rate(most)) at most"
            : "Attempts a second: no course is kept"
        func y(_ rate: Double) -> Double { Self.room - (Self.room - 8) * rate / top }
        frame(label, to: &html) { html in
            for index in 0...3 {
                let rate = top * Double(index) / 3
                line("grid", Self.left, y(rate), Self.width, y(rate), to: &html)
                caption(Format.rate(rate), 0, y(rate) + 4, to: &html)
            }
            for run in columns.runs {
                var base = run.map { _ in 0.0 }
                let parts: [(StaticString, KeyPath<RunHistory.Point, Int>)] = [
                    ("ok", \.completed), ("warn", \.retried), ("bad", \.failed),
                ]
                for (name, part) in parts {
                    let next = zip(run, base).map { $1 + $0.perSecond($0.point[keyPath: part]) }
                    defer { base = next }
                    guard next != base else { continue }
                    var path = ""
                    for (column, rate) in zip(run, next) {
                        path += path.isEmpty ? "M" : "L"
                        path += "\(n(x(column.start))) \(n(y(rate)))H\(n(x(column.end)))"
                    }
                    for (column, rate) in zip(run, base).reversed() {
                        path += "V\(n(y(rate)))H\(n(x(column.start)))"
                    }
                    html.void(
                        "path", [("class", "\(name)"), ("fill-opacity", ".85"), ("d", path + "Z")])
                }
            }
            for mark in columns.marks {
                html.element(
                    "rect",
                    [
                        ("class", "mark"), ("x", n(x(mark.at) - 1)), ("y", "2"), ("width", "2"),
                        ("height", n(Self.room - 2)),
                    ]
                ) { $0.element("title", text: mark.text) }
            }
        }
    }

    // MARK: - Times

    /// A row for each size of `DurationSizes`, which end at powers of two from 1.024 ms on.
    func writeTimes(to html: inout HTMLText) {
        let rows = DurationSizes.ends.count + 1
        let row = Self.room / Double(rows)
        var sum: RunHistory.Point?
        for column in columns.all { if sum?.add(column.point) == nil { sum = column.point } }
        let times = [sum?.p50Micros ?? 0, sum?.p99Micros ?? 0].map {
            Format.precise(.microseconds($0))
        }
        let label =
            sum?.p50Micros ?? 0 > 0
            ? "Time of attempts: half took about \(times[0]), and of any few seconds 99 % took \(times[1]) at most"
            : "Time of attempts: no course is kept"
        func level(_ micros: Int) -> Double {
            var rows = 0.0
            // The part of a row is that of its size, which is twice the one below.
            for (index, end) in DurationSizes.ends.enumerated() {
                let begin = index == 0 ? 0 : DurationSizes.ends[index - 1]
                guard micros > begin else { break }
                rows += min(1, Double(micros - begin) / Double(end - begin))
            }
            return Self.room - rows * row
        }
        frame(label, to: &html) { html in
            for (opacity, path) in cells(row) {
                html.void("path", [("class", "run"), ("fill-opacity", opacity), ("d", path)])
            }
            for (index, text) in [
                (0, "1 ms"), (3, "8 ms"), (6, "66 ms"), (9, "0.5 s"), (12, "4 s"), (15, "34 s"),
            ] { self.caption(text, 0, Self.room - Double(index + 1) * row + 4, to: &html) }
            let lines: [(StaticString, KeyPath<RunHistory.Point, Int>)] = [
                ("p50", \.p50Micros), ("p99", \.p99Micros),
            ]
            for (name, part) in lines {
                var path = ""
                for run in columns.runs {
                    var isOpen = false
                    for column in run {
                        let micros = column.point[keyPath: part]
                        guard micros > 0 else {
                            isOpen = false
                            continue
                        }
                        path += "\(isOpen ? "L" : "M")\(n(x(column.start))) \(n(level(micros)))"
                        path += "H\(n(x(column.end)))"
                        isOpen = true
                    }
                }
                if !path.isEmpty { html.void("path", [("class", "\(name)"), ("d", path)]) }
            }
        }
    }

    /// The rectangles of the heat map by how dark they are.
    private func cells(_ row: Double) -> [(opacity: String, path: String)] {
        let levels = 8
        let most =
            columns.all.flatMap { column in
                column.point.durations.map { column.perSecond($0) }
            }.max() ?? 0
        var paths = [String](repeating: "", count: levels)
        for column in columns.all {
            let (from, to) = (x(column.start), x(column.end))
            for (index, count) in column.point.durations.enumerated() where count > 0 {
                let share = (column.perSecond(count) / most).squareRoot()
                let level = min(levels - 1, Int(share * Double(levels)))
                let y = Self.room - Double(index + 1) * row
                paths[level] +=
                    "M\(n(from)) \(n(y))h\(n(max(0.5, to - from)))v\(n(row - 0.5))H\(n(from))Z"
            }
        }
        return paths.enumerated().filter { !$0.element.isEmpty }.map { level, path in
            (n(0.1 + 0.85 * Double(level + 1) / Double(levels)), path)
        }
    }

    // MARK: - Parts

    private func frame(
        _ label: String, to html: inout HTMLText, _ content: (inout HTMLText) -> Void
    ) {
        let size = "0 0 \(n(Self.width)) \(n(Self.height))"
        html.element("svg", [("viewBox", size), ("role", "img"), ("aria-label", label)]) { html in
            content(&html)
            for run in columns.runs.dropFirst() {
                let at = x(run[0].start)
                line("cut", at, 0, at, Self.room, to: &html)
            }
            self.caption("0", Self.left, Self.height - 3, to: &html)
            let length = Format.duration(.seconds(columns.seconds))
            html.element(
                "text",
                [("x", n(Self.width)), ("y", n(Self.height - 3)), ("text-anchor", "end")],
                text: length)
        }
    }

    private func line(
        _ name: StaticString, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double,
        to html: inout HTMLText
    ) {
        html.void(
            "line",
            [("class", "\(name)"), ("x1", n(x1)), ("y1", n(y1)), ("x2", n(x2)), ("y2", n(y2))])
    }

    private func caption(_ text: String, _ x: Double, _ y: Double, to html: inout HTMLText) {
        html.element("text", [("x", n(x)), ("y", n(y))], text: text)
    }

    /// A number with two decimals at most.
    private func n(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        let (whole, rest) = (abs(hundredths) / 100, abs(hundredths) % 100)
        let sign = hundredths < 0 ? "-" : ""
        if rest == 0 { return "\(sign)\(whole)" }
        return "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
}
