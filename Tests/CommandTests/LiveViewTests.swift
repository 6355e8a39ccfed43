import JobStore
import TestSupport
import Testing

@testable import Runner
@testable import runner_cli

/// The live view by value: what it shows, and that it fits any screen.
@Suite struct LiveViewTests {
    private func times(_ micros: Int...) -> RunMeasures.Times? {
        var histogram = Histogram(.fine)
        for micros in micros { histogram.add(micros) }
        return RunMeasures.Times(histogram)
    }

    private func host(
        _ name: String, _ state: HostFigures.State = .ok, failures: Int = 0
    ) -> HostFigures {
        HostFigures(
            name: name, state: state, message: "",
            untilMicros: state == .resting ? Self.nowMicros + 41_000_000 : nil,
            perSecondMax: state == .slowed ? 12 : nil, inFlight: 402, waiting: 12, attempts: 1000,
            failures: failures, rate: 312.4, whole: times(18_000, 190_000))
    }

    /// A run as of an afternoon.
    private func content(hosts: [HostFigures]? = nil) -> LiveContent {
        var figures = RunFigures()
        (figures.rateNow, figures.rateAverage, figures.elapsedMicros) = (610, 604, 612_000_000)
        (figures.inFlight, figures.workers, figures.workersMax) = (1000, 1000, 1000)
        (figures.residentBytes, figures.cpuMicros) = (38_797_312, 210_000)
        figures.hosts =
            hosts ?? [
                host("https://api.example.com"),
                host("https://img.example.net", .slowed, failures: 24),
                host("https://old.example.org", .resting, failures: 142),
            ]
        figures.hostCount = figures.hosts.count
        let loop = LoopMeasures()
        for micros in [900, 5000, 21_000, 88_000, 9_800_000] { loop.whole.add(micros) }
        loop.sums.pointee.requests.made = 10_000
        loop.sums.pointee.requests.receivedBytes = 7_600_000_000
        let measured = LoopFigures(loop)
        figures.measures = RunMeasures([measured], [], [])
        figures.recent = times(21_000, 184_000)
        figures.durations = measured.whole.sizes(sumMicros: 0)
        let groups = [
            QueueCounts.Group(label: "200", state: .completed, count: 640_210),
            QueueCounts.Group(label: "503", state: .retrying, count: 412),
            QueueCounts.Group(label: "404", state: .failed, count: 1840),
        ]
        func sample(_ second: Int) -> RunSample {
            var figures = figures
            figures.attempts = [
                RunFigures.Attempts(Outcome(.completed, status: 200), second * 601),
                RunFigures.Attempts(Outcome(.failed, status: 404), second * 2),
                RunFigures.Attempts(Outcome(.retrying, status: 503), second * 7),
            ]
            let loop = LoopMeasures()
            loop.sums.pointee.wholeMicros = second * 940_000_000
            loop.sums.pointee.connectingMicros = second * 60_000_000
            loop.sums.pointee.requests.receivedBytes = second * 12_700_000
            var idle = IdleTime()
            let start = Now(monotonicMicros: 0, wallMicros: 0)
            idle.note(waiting: 60, because: .held, at: start)
            let end = Now(monotonicMicros: second * 1_000_000, wallMicros: 0)
            idle.note(waiting: 0, because: .noJob, at: end)
            figures.measures = RunMeasures([LoopFigures(loop)], [idle], [])
            return RunSample(
                takenAtMicros: second * 1_000_000,
                counts: QueueCounts(
                    total: 1_200_000, running: 0, retriesRunning: 0, outcomes: groups, runs: []),
                figures: figures)
        }
        let whole = figures
        var content = LiveContent(
            title: "pages.db", pid: 17_172, sample(10), nowMicros: Self.nowMicros)
        content.figures = whole
        for second in [0, 10] { content.recent.add(sample(second)) }
        content.points = (0..<80).map { second in
            var point = RunHistory.Point()
            let dip = (50...54).contains(second)
            (point.seconds, point.completed) = (
                1, dip ? 120 + 90 * (second - 50) : 580 + second % 7 * 10
            )
            return point
        }
        content.keys = .run
        content.events = [
            ShownEvent(
                atMicros: Self.nowMicros, isWarning: true,
                text: "no longer waiting for https://old.example.org, after 12 s"),
            ShownEvent(atMicros: Self.nowMicros, isWarning: false, text: "set: --workers 1000"),
        ]
        return content
    }

    /// 14:02:11 in UTC.
    private static let nowMicros = 50_531_000_000

    private func lines(
        _ content: LiveContent, columns: Int = 79, rows: Int = 23, colour: Bool = false
    ) -> [String] {
        LiveView(content: content, columns: columns, rows: rows, ink: Ink(isOn: colour)).lines
    }

    @Test func whatIsFollowed_hasALine_andNoEndIsPromised() {
        var content = content()
        #expect(!lines(content).contains { $0.contains("found") })
        var followed = FollowFigures()
        (followed.added, followed.known, followed.depth) = (1_150_000, 340, 7)
        followed.cut = [.depth: 12]
        content.figures.followed = followed
        let lines = lines(content)
        #expect(
            lines.contains(" found 1,150,000   340 were there   12 left out   depth 7"), "\(lines)")
        #expect(
            lines[2].contains("642,050 of 1,200,000 known so far   15m 15s for these"), "\(lines)")
        #expect(!lines[2].contains("("))
    }

    /// The picture in the README is this view.
    @Test func overview_tellsTheWholeState_asInTheReadme() throws {
        let readme = String(decoding: contents(of: Tools.repository + "/README.md"), as: UTF8.self)
        let place = try #require(readme.firstRange(of: "\n runner pages.db"))
        let block = readme[place.lowerBound...].dropFirst()
        let end = try #require(block.firstRange(of: "\n```"))
        // Times of day are those of this machine's zone.
        let picture = String(block[..<end.lowerBound])
            .replacing("14:02:11", with: Timestamp.timeOfDay(Self.nowMicros))
            .replacing(
                "(14:17)",
                with: "(\(Timestamp.timeOfDay(Self.nowMicros + 914_672_000).dropLast(3)))")
        #expect(lines(content()).joined(separator: "\n") == picture)
    }

    @Test(arguments: [20, 39, 40, 60, 71, 79, 100, 119, 199, 400], [23, 30, 60])
    func lines_fitEachScreen(columns: Int, rows: Int) {
        // Of East Asia, with marks on letters, with pictures, and far too long.
        let names = [
            "https://例え.テスト", "https://e\u{301}tude.example", "http://🙂.example:8080",
            "https://" + String(repeating: "long-", count: 50) + ".example",
        ]
        for hosts in [names.map { host($0, .resting, failures: 500) }, []] {
            for page in [LivePage.overview, .hosts, .failures, .help] {
                var content = content(hosts: hosts)
                content.page = page
                content.title = names[3]
                content.notices = ["waiting for \(names[3]), 3 s: cannot be reached"]
                content.failures = [
                    ShownFailure(
                        atMicros: 0, outcome: "timeout", id: 1, attempt: 2, isRetried: true,
                        url: names[0], message: names[3])
                ]
                for colour in [false, true] {
                    let lines = lines(content, columns: columns, rows: rows, colour: colour)
                    #expect(lines.count <= rows)
                    for line in lines { #expect(Layout.width(line) <= columns, "\(line)") }
                }
            }
        }
    }

    @Test func colours_changeNoText() {
        let coloured = lines(content(), colour: true)
        #expect(coloured.joined().contains("\u{1B}[32m"))
        // Neither white nor yellow: they vanish on light ground.
        #expect(!coloured.joined().contains(/\u{1B}\[(33|37|93|97|90)m/))
        #expect(coloured.map { $0.replacing(/\u{1B}\[[0-9;]*m/, with: "") } == lines(content()))
    }

    @Test func theBar_showsFewFailuresToo() {
        func cells(_ completed: Int, _ failed: Int, of wanted: Int) -> [Int] {
            let cells = LiveView.cells(completed: completed, failed: failed, of: wanted, width: 10)
            return [cells.completed, cells.failed]
        }
        #expect(cells(0, 0, of: 100) == [0, 0] && cells(50, 0, of: 100) == [5, 0])
        #expect(
            cells(1, 1, of: 1_000_000) == [1, 1] && cells(999_999, 1, of: 1_000_000) == [9, 1])
        #expect(cells(0, 100, of: 100) == [0, 9] && cells(0, 0, of: 0) == [10, 0])
        #expect(cells(999, 0, of: 1000) == [9, 0] && cells(50, 50, of: 100) == [5, 5])
    }

    @Test func theTimeLeft_isASpan_whereRatesDiffer() throws {
        var content = content()
        content.figures.rateAverage = 305
        let line = lines(content, columns: 119)[2]
        let (from, to) = (914_672_000, 1_829_344_000)
        let ends = [from, to].map { Timestamp.timeOfDay(Self.nowMicros + $0).dropLast(3) }
        #expect(line.contains("15m 15s – 30m 29s left (\(ends[0]) – \(ends[1]))"), "\(line)")
        content.figures.rateNow = 0
        #expect(lines(content, columns: 119)[2].contains("no estimate yet"))
    }

    @Test func wideScreens_haveABarOfTheWorkersTime() throws {
        let wide = lines(content(), columns: 119).first { $0.hasPrefix(" workers ") }
        #expect(
            wide
                == " workers █████████████████████▓▓▒   █ 88 % waiting for servers   ▓ 6 % connecting   ▒ 6 % held back"
        )
        #expect(LiveView.bar([88, 6, 6], columns: 100).count == 100)
        #expect(LiveView.bar([1, 1], columns: 4) == "██▓▓" && LiveView.bar([], columns: 4) == "")
    }

    @Test(arguments: [
        ("abc", 3), ("例え", 4), ("e\u{301}", 1), ("🙂", 2), ("\u{1B}[32mab\u{1B}[0m", 2),
        ("━▏…", 3), ("가", 2), ("", 0),
    ])
    func width_isInColumns(_ text: String, _ width: Int) { #expect(Layout.width(text) == width) }

    @Test func cut_keepsBothEnds_andWholeCharacters() {
        #expect(Layout.cut("https://example.com", columns: 11) == "https…e.com")
        #expect(Layout.cut("例例例例例", columns: 6) == "例…例")
        #expect(Layout.cut("short", columns: 5) == "short" && Layout.cut("ab", columns: 1) == "…")
        #expect(
            Layout.clipped("\u{1B}[32mabcdef\u{1B}[0m", columns: 4) == "\u{1B}[32mabc…\u{1B}[0m")
        #expect(Layout.plain("a\u{202E}b\u{200D}c\u{1B}") == "a\u{FFFD}b\u{FFFD}c\\u{1b}")
    }

    @Test func sparkline_isAsHighAsItsHighest_andRightAligned() {
        #expect(Sparkline.text([0, 7, 3.5], columns: 5) == "  ▁█▅")
        #expect(
            Sparkline.text([1, 2, 3], columns: 2) == "▆█" && Sparkline.text([0], columns: 1) == "▁")
    }

    @Test func workers_goByTenths_withinBounds() {
        #expect(LiveKeys.workers(1000, by: -1, max: 1000) == 900)
        #expect(LiveKeys.workers(1000, by: 1, max: 1000) == 1000)
        #expect(LiveKeys.workers(5, by: 1, max: 8) == 6 && LiveKeys.workers(1, by: -1, max: 8) == 1)
    }

    @Test func recentCourse_hasRatesOfTenSeconds() throws {
        var recent = RecentCourse()
        for second in 0...30 {
            var figures = RunFigures()
            figures.attempts = [RunFigures.Attempts(Outcome(.failed, status: 404), second * 3)]
            recent.add(
                RunSample(
                    takenAtMicros: second * 1_000_000,
                    counts: QueueCounts(
                        total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: []),
                    figures: figures))
        }
        #expect(recent.rate(of: "404", "failed") == 3 && recent.rate(of: "200", "completed") == 0)
        #expect(recent.workerPercents.isEmpty)
    }
}

/// Lines of the log by value.
@Suite struct RunLogTests {
    @Test func lines_haveTimeAndLevel_orThePriorityOfTheJournal() {
        let log = RunLog(format: .text, isJournal: false)
        #expect(log.line(.note, .info, "hello", at: 0) == "1970-01-01T00:00:00Z info hello")
        #expect(
            RunLog(format: .text, isJournal: true).line(.trouble, .warning, "hello", at: 0)
                == "<4>hello")
        let json = RunLog(format: .json, isJournal: true).line(
            .limits, .info, "a \"b\"\n", ["n": .int(3), "none": .null], at: 1_000_000)
        #expect(
            json
                == #"<6>{"event":"limits","level":"info","message":"a \"b\"\n","n":3,"none":null,"time":"1970-01-01T00:00:01Z"}"#
        )
    }

    @Test(arguments: ["", ":", "1", "1:2:3", "x:1", "-1:5", "0:0"])
    func otherStreams_areNotTheJournal(_ name: String) {
        #expect(!RunLog.isJournal(2, named: name))
    }
}
