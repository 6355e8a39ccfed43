import JobStore
import Testing

@testable import Runner
@testable import runner_cli

/// The page of a report, and the course that a queue keeps for it, which anybody may have written.
@Suite struct ReportPageTests {
    private static let script = "<script>alert(1)</script>\"'&"

    private func run(_ pid: Int = 4711, at second: Int = 1_795_000_000) -> KeptCourse {
        var run = KeptCourse(
            version: "0.1.0", pid: pid, host: "here", batch: nil,
            startedAtMicros: second * 1_000_000, takenAtMicros: (second + 90) * 1_000_000,
            ending: "finished", doneBefore: 0)
        run.finished = 450
        run.settings = [.init(name: "workers", value: "100")]
        var course = RunCourse()
        for part in 1...90 {
            var point = RunHistory.Point()
            (point.at, point.seconds, point.completed) = (second + part, 1, 5)
            (point.p50Micros, point.p99Micros) = (20_000, 90_000)
            point.durations[5] = 5
            course.add(point)
        }
        run.course = course.text
        run.figures.attempts = [RunFigures.Attempts(Outcome(.completed, status: 200), 450)]
        return run
    }

    private func content(_ runs: [KeptCourse]) -> ReportContent {
        let groups = [
            QueueCounts.Group(label: "200", state: .completed, count: 450),
            QueueCounts.Group(label: "404", state: .failed, count: 50),
        ]
        let counts = QueueCounts(
            total: 1000, running: 0, retriesRunning: 0, outcomes: groups, runs: [])
        var content = ReportContent(
            queue: "a.db", takenAtMicros: 1_795_000_100_000_000, counts: counts)
        content.runs = runs
        return content
    }

    @Test func textOfServers_isNoMarkup() throws {
        var run = run()
        run.events = [.init(atMicros: 1, isWarning: true, text: Self.script)]
        run.failures = [
            ShownFailure(
                atMicros: 1, outcome: Self.script, id: 3, attempt: 1, isRetried: false,
                url: "http://a/\(Self.script)", message: Self.script)
        ]
        run.settings = [.init(name: Self.script, value: Self.script)]
        run.host = Self.script
        run.figures.hosts = [
            HostFigures(
                name: Self.script, state: .unreachable, message: Self.script, untilMicros: nil,
                perSecondMax: nil, inFlight: 0, waiting: 0, attempts: 0, failures: 0, rate: 0,
                whole: nil)
        ]
        var content = content([run])
        content.queue = Self.script
        let text = ReportPage(content: content).text
        #expect(!text.lowercased().contains("<script"))
        #expect(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"))
        #expect(!text.contains("alert(1)</"))
    }

    /// Nothing is loaded, and nothing but the file's own styles counts.
    @Test func thePage_needsNothingElse() throws {
        let page = ReportPage(content: content([run()]), nonce: "n0nce")
        let policy =
            "default-src &#39;none&#39;; style-src &#39;nonce-n0nce&#39;; img-src data:; base-uri &#39;none&#39;; form-action &#39;none&#39;"
        #expect(page.text.contains("content=\"\(policy)\""))
        for part in ["src=", "@import", "url(", " style=", " on", "http:", "https:"] {
            let shown = page.text.replacing("http://www.w3.org/2000/svg", with: "")
                .replacing("only", with: "").replacing(" on ", with: " ")
                .replacing(" one", with: " ")
            #expect(!shown.contains(part), "\(part)")
        }
        #expect(ReportPage(content: content([])).nonce != ReportPage(content: content([])).nonce)
    }

    @Test func thePage_showsEachRun_andTheirSum() {
        var killed = run(4712, at: 1_795_001_000)
        killed.ending = nil
        let text = ReportPage(content: content([run(), killed])).text
        for part in [
            "50.0 % of 1,000 jobs", ">4711<", ">4712<", ">killed<", ">finished<", ">900<",
            "Attempts a second over 3m 00s: 5 at most", "half took about 20 ms",
            "2026-11-18T11:06:40Z", ">404<", ">5.0 %<",
        ] { #expect(text.contains(part), "\(part)") }
    }

    @Test func aQueueWithoutRuns_hasAPage() {
        let text = ReportPage(content: content([])).text
        #expect(text.contains("no run has left a course") && text.contains("</html>"))
        #expect(!text.contains("nan") && !text.contains("inf"))
    }

    /// However many runs, and however long.
    @Test func thePage_isBounded() {
        let runs = (0..<CourseList.runsMax).map { number in
            var run = run(at: 1_795_000_000 + 1000 * number)
            var course = RunCourse()
            for part in 1...RunCourse.pointsMax {
                var point = RunHistory.Point()
                (point.at, point.seconds, point.completed) = (part, 1, part * 31 % 977)
                (point.p50Micros, point.p99Micros) = (part * 7919, part * 104_729)
                point.durations = point.durations.indices.map { $0 * part % 13 }
                course.add(point)
            }
            run.course = course.text
            return run
        }
        let count = ReportPage(content: content(runs)).text.utf8.count
        #expect(count < 400_000, "\(count)")
    }

    /// As large as numbers that are read can be.
    @Test func theLargestNumbers_areShown() throws {
        let most = 1 << 56
        var run = run()
        (run.finished, run.figures.elapsedMicros, run.figures.cpuMicros) = (most, 1, most)
        run.takenAtMicros = run.startedAtMicros + 1
        run.figures.attempts = (0..<50).map {
            RunFigures.Attempts(Outcome(.failed, status: 400 + $0), most)
        }
        let numbers = (0..<16).map { _ in "\(1 << 46)" }.joined(separator: " ")
        run.course = "1" + String(repeating: ";1 \(numbers)", count: 240)
        let read = try #require(KeptCourse.read(try PlainEncoder.text(run)))
        let content = content(Array(repeating: read, count: CourseList.runsMax))
        #expect(ReportPage(content: content).text.contains("9,223,372,036,854,775,807"))
        #expect(ReportDocument(content: content).lines.contains { $0.contains("finished") })
    }

    @Test func columns_holdAllThatHappened() {
        let columns = CourseColumns([run(), run(at: 1_795_009_000)])
        #expect(columns.runs.count == 2 && columns.seconds == 180)
        #expect(columns.all.reduce(0) { $0 + $1.point.completed } == 900)
        #expect(columns.runs[1][0].start == 90)
    }

    // MARK: - What a queue keeps

    @Test func aCourse_isReadAsItWas() throws {
        var run = run()
        run.events = [.init(atMicros: 5, isWarning: false, text: "resumed")]
        let text = try PlainEncoder.text(run)
        let read = try #require(KeptCourse.read(text))
        #expect(try PlainEncoder.text(read) == text)
        #expect(read.points.count == 90 && read.ending == "finished" && read.batch == nil)
        run.ending = nil
        #expect(KeptCourse.read(try PlainEncoder.text(run))?.ending == nil)
    }

    @Test func aLongCourse_isKeptInLittle() throws {
        let monitor = RunMonitor()
        for number in 0..<500 { monitor.note(String(repeating: "\(number) ", count: 200)) }
        let failures = (0..<400).map { number in
            AttemptFailure(
                endedAtMicros: number, batch: 1, id: number,
                url: "http://a.test/" + String(repeating: "x", count: 3000), attempt: 1,
                outcome: "\(400 + number % 40)", isRetried: false,
                message: String(repeating: "y", count: 900))
        }
        let counts = QueueCounts(
            total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: [])
        monitor.add(
            RunSample(
                takenAtMicros: 1, counts: counts, figures: RunFigures(), failures: failures))
        var run = run()
        monitor.read { run.take($0) }
        #expect(run.events.count == 100 && run.failures.count == 40)
        let count = try PlainEncoder.text(run).utf8.count
        #expect(count < 64_000, "\(count)")
    }

    @Test(arguments: [
        ("\"finished\":450", "\"finished\":-1"), ("\"pid\":4711", "\"pid\":72057594037927937"),
        ("\"course\":\"1;", "\"course\":\"0;"), ("\"course\":\"1;", "\"course\":\"1;x;"),
        ("\"phase\":\"running\"", "\"phase\":\"asleep\""), ("\"settings\":[", "\"settings\":[3,"),
    ])
    func otherText_isNoCourse(_ old: String, _ new: String) throws {
        let text = try PlainEncoder.text(run())
        #expect(text.contains(old), "\(old) is not in the text")
        #expect(KeptCourse.read(text.replacing(old, with: new)) == nil)
        #expect(KeptCourse.read("") == nil && KeptCourse.read("{}") == nil)
    }

    @Test func textOfOthers_drivesNoTerminal() throws {
        var run = run()
        run.host = "\u{1B}[2J\u{202E}"
        run.ending = "\u{7}"
        let read = try #require(KeptCourse.read(try PlainEncoder.text(run)))
        #expect(read.host == "\\u{1b}[2J\u{FFFD}" && read.ending == "\\u{7}")
    }

    @Test func theListOfRuns_isBounded_andForgetsTheEarliest() {
        var list = CourseList("3 x -7 9")
        #expect(list.numbers == [3, 9])
        #expect(list.add(3).isEmpty && list.text == "9 3")
        list = CourseList((1...20).map(String.init).joined(separator: " "))
        #expect(list.add(21) == [1])
        #expect(list.numbers.first == 2 && list.numbers.count == CourseList.runsMax)
        list = CourseList((1...40).map(String.init).joined(separator: " "))
        #expect(list.add(41).count == 21 && list.numbers.count == CourseList.runsMax)
    }
}
