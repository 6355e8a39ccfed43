import JobStore
import Testing

@testable import Runner
@testable import runner_cli

@Suite struct FormatTests {
    @Test(arguments: [
        (0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (123_456, "123,456"),
        (1_234_567, "1,234,567"), (100_000_000, "100,000,000"), (-1234, "-1,234"), (-123, "-123"),
        (Int.max, "9,223,372,036,854,775,807"), (Int.min, "-9,223,372,036,854,775,808"),
    ])
    func count_groupsByThousands(_ number: Int, text: String) {
        #expect(Format.count(number) == text)
    }

    @Test(arguments: [
        (0.0, "0"), (0.04, "0"), (0.05, "0.1"), (0.5, "0.5"), (2.5, "2.5"), (2.96, "3"),
        (30.0, "30"), (1234.56, "1234.6"),
    ])
    func decimal_hasOneDecimal_unlessWhole(_ number: Double, text: String) {
        #expect(Format.decimal(number) == text)
    }

    @Test(arguments: [
        (0.0, "0 s"), (0.04, "0 s"), (8.4, "8.4 s"), (59.0, "59 s"), (59.97, "1m 00s"),
        (60.0, "1m 00s"), (128.0, "2m 08s"), (3599.0, "59m 59s"), (3600.0, "1h 00m"),
        (11_100.0, "3h 05m"), (86_399.0, "23h 59m"), (86_400.0, "1d 0h"),
        (1_051_259.0, "12d 4h"), (34_560_000.0, "400d 0h"),
    ])
    func duration_hasTwoUnits(_ seconds: Double, text: String) {
        #expect(Format.duration(.seconds(seconds)) == text)
    }

    @Test func duration_takesWhatNoRunWillLast() {
        #expect(Format.duration(.seconds(Int.max)).hasSuffix("h"))
    }

    @Test(arguments: [
        (0, 0, "100 %"), (0, 10, "0.0 %"), (1, 1000, "0.1 %"), (1, 1001, "0.0 %"),
        (431, 1000, "43.1 %"), (9, 10, "90.0 %"), (999_999, 1_000_000, "99.9 %"),
        (10, 10, "100 %"), (Int.max - 1, Int.max, "99.9 %"), (Int.max, Int.max, "100 %"),
    ])
    func percent_neverRoundsUpToAll(_ part: Int, whole: Int, text: String) {
        #expect(Format.percent(part, of: whole) == text)
    }

    @Test(arguments: [
        (0, "0 MB"), ((1 << 19) - 1, "0 MB"), (1 << 19, "1 MB"), (1 << 20, "1 MB"),
        (31_457_280, "30 MB"),
    ])
    func megabytes_rounds(_ bytes: Int, text: String) {
        #expect(Format.megabytes(bytes) == text)
    }

    @Test func timestamp_isRFC3339_inUTC() {
        #expect(Timestamp.text(0) == "1970-01-01T00:00:00Z")
        #expect(Timestamp.text(1_767_225_599_999_999) == "2025-12-31T23:59:59Z")
        #expect(Timestamp.text(1_709_210_096_000_000) == "2024-02-29T12:34:56Z")
    }
}

@Suite struct ValueTests {
    @Test(arguments: [
        ("1", 1), ("1000", 1000), ("1k", 1024), ("1K", 1024), ("2m", 2 << 20), ("16M", 16 << 20),
        ("3g", 3 << 30), ("3G", 3 << 30), ("9223372036854775807", Int.max),
        ("8589934591G", 8_589_934_591 << 30),
    ])
    func byteCount_readsSuffixes(_ text: String, bytes: Int) {
        #expect(ByteCount(argument: text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "k", "0", "0k", "-1", "-1k", "1T", "1.5M", "1 k", "k1", "1kk", "0x10", "x",
        "8589934592G", "9223372036854775808",
    ])
    func byteCount_refuses(_ text: String) {
        #expect(ByteCount(argument: text) == nil)
    }

    @Test(arguments: [
        (1, "1"), (1000, "1000"), (1024, "1k"), (1536, "1536"), (16 << 20, "16M"),
        (1 << 30, "1G"), (1 << 40, "1024G"),
    ])
    func byteCount_isShownAsItIsTyped(_ bytes: Int, text: String) {
        #expect(ByteCount(bytes).defaultValueDescription == text)
        #expect(ByteCount(argument: text)?.bytes == bytes)
    }

    @Test(arguments: [
        ("1", 1000), ("0.5", 500), (".5", 500), ("2.0004", 2000), ("0.0001", 1),
        ("31536000", 31_536_000_000), ("1s", 1000), ("10m", 600_000), ("0.5h", 1_800_000),
        ("365d", 31_536_000_000),
    ])
    func seconds_readsDecimals_toTheMillisecond(_ text: String, milliseconds: Int) {
        #expect(Seconds(argument: text)?.duration == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "0", "-1", "x", "1w", "s", "1 s", "nan", "inf", "-inf", "31536001", "1e300", "1,5",
    ])
    func seconds_refuses(_ text: String) {
        #expect(Seconds(argument: text) == nil)
    }

    @Test func seconds_isShownWithItsUnit() {
        #expect(Seconds(.seconds(30)).description == "30 s")
        #expect(Seconds(argument: "2.5")?.description == "2.5 s")
        #expect(Seconds(.seconds(30)).defaultValueDescription == "30")
    }
}

@Suite struct TerminalTests {
    @Test(arguments: [
        ("plain text", "plain text"), ("", ""), ("née 漢字 🙂", "née 漢字 🙂"),
        ("\u{1B}[31mred", "\\u{1b}[31mred"), ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
        ("\r\n", "\\u{d}\\u{a}"), ("\u{0}", "\\u{0}"), ("\u{7F}", "\\u{7f}"),
        ("\u{9B}31m", "\\u{9b}31m"), ("\u{A0}", "\u{A0}"),
    ])
    func escaped_spellsControlCharactersOut(_ text: String, escaped: String) {
        #expect(Terminal.escaped(text) == escaped)
    }
}

@Suite struct ProgressViewTests {
    private func sample(
        outcomes: [QueueCounts.Group] = [
            .init(label: "200", state: .completed, count: 4000),
            .init(label: "503", state: .retrying, count: 12),
            .init(label: "404", state: .failed, count: 310),
        ], total: Int = 10_000, rate: Double = 1234.5, trouble: String? = nil
    ) -> RunSample {
        var figures = RunFigures()
        (figures.rateNow, figures.rateAverage) = (rate, 987.6)
        (figures.inFlight, figures.residentBytes) = (1000, 31_457_280)
        if let trouble {
            figures.troubles = [
                Trouble(kind: .host, host: "", message: trouble, duration: .seconds(3))
            ]
            figures.troubleCount = 1
        }
        return RunSample(
            takenAtMicros: 0,
            counts: QueueCounts(
                total: total, running: 100, retriesRunning: 0, outcomes: outcomes, runs: []),
            figures: figures)
    }

    @Test func line_tellsTheWholeState() {
        #expect(
            ProgressView.line(sample())
                == "4,310/10,000 (43.1 %), 1,234/s, average 987/s, 4.6 s left, 310 failed, "
                + "12 retrying, 1,000 in flight, 30 MB")
    }

    /// A run that adds jobs itself does not know its end.
    @Test func whatIsFollowed_isOfTheJobsKnownSoFar() {
        let before = sample()
        var figures = before.figures
        var followed = FollowFigures()
        (followed.added, followed.known, followed.depth) = (8000, 34, 3)
        followed.cut = [.scope: 5, .hostFull: 6]
        figures.followed = followed
        let sample = RunSample(takenAtMicros: 0, counts: before.counts, figures: figures)
        #expect(
            ProgressView.line(sample)
                == "4,310/10,000 known so far (43.1 %), 1,234/s, average 987/s, 4.6 s for these, "
                + "310 failed, 12 retrying, 1,000 in flight, 30 MB, found 8,000")
        let fields = ProgressView.fields(sample)
        guard case .int(8000)? = fields["found"], case .int(11)? = fields["left_out"] else {
            Issue.record("\(fields)")
            return
        }
        #expect(ProgressView.fields(before)["found"] == nil)
        let block = ProgressView.lines(sample, columns: 79, colour: false)
        #expect(block.contains("found 8,000   34 were there   11 left out   depth 3"), "\(block)")
        #expect(block[0].hasSuffix("4,310 / 10,000 known") && block[1].contains("4.6 s for these"))
        // Kept in the queue, and read by status.
        let read = figures.kept.flatMap(RunFigures.read)
        #expect(read?.followed == followed)
        figures.followed?.cut[.scope] = -1
        #expect(figures.kept.flatMap(RunFigures.read) == nil)
    }

    /// Cancelled jobs are not to do: without them, the rest is all.
    @Test func line_andBlock_leaveCancelledJobsOut() {
        let counts: [QueueCounts.Group] = [
            .init(label: "200", state: .completed, count: 4000),
            .init(label: "cancelled", state: .cancelled, count: 6000),
        ]
        let done = sample(outcomes: counts)
        #expect(ProgressView.line(done).hasPrefix("4,000/4,000 (100 %), "))
        #expect(ProgressView.line(done).hasSuffix(", 30 MB, 6,000 cancelled"))
        let block = lines(done)
        #expect(block[0].hasSuffix("━ 100 %  4,000 / 4,000"))
        #expect(block.last == "cancelled  6,000")
        let none = sample(outcomes: [counts[1]], total: 6000)
        #expect(ProgressView.line(none).hasPrefix("0/0 (100 %), "))
    }

    @Test func line_saysWhyNothingMoves() {
        #expect(
            ProgressView.line(sample(rate: 0, trouble: "the network is down"))
                == "4,310/10,000 (43.1 %), 0/s, average 987/s, no estimate, 310 failed, "
                + "12 retrying, 1,000 in flight, 30 MB, paused, 3 s: the network is down")
    }

    private func lines(
        _ sample: RunSample?, _ stopping: ProgressView.Stopping? = nil, columns: Int = 79,
        colour: Bool = false, now: ContinuousClock.Instant = .now
    ) -> [String] {
        ProgressView.lines(sample, stopping, columns: columns, colour: colour, now: now)
    }

    @Test func lines_tellTheWholeState() {
        let bar = String(repeating: "━", count: 24) + String(repeating: "─", count: 33)
        #expect(
            lines(sample(), columns: 80) == [
                "\(bar) 43.1 %  4,310 / 10,000",
                "1,234/s now   987/s average   4.6 s left",
                "1,000 in flight   30 MB of memory",
                "completed  4,000   200: 4,000",
                "failed       310   404: 310",
                "retrying      12   503: 12",
            ])
    }

    @Test func lines_areBrokenBetweenTheirPieces() {
        #expect(
            lines(sample(), columns: 30) == [
                "43.1 %   4,310 / 10,000",
                "1,234/s now   987/s average", "4.6 s left",
                "1,000 in flight", "30 MB of memory",
                "completed  4,000   200: 4,000",
                "failed       310   404: 310",
                "retrying      12   503: 12",
            ])
    }

    @Test func lines_colourTheBarAlone() {
        let lines = lines(sample(), columns: 80, colour: true)
        let done = String(repeating: "━", count: 24)
        let rest = String(repeating: "─", count: 33)
        #expect(
            lines[0] == "\u{1B}[32m\(done)\u{1B}[0;2m\(rest)\u{1B}[0m 43.1 %  4,310 / 10,000")
        #expect(!lines[1...].joined().contains("\u{1B}"))
    }

    @Test func lines_drawAFullBar_whenNothingIsLeft() {
        let all = [QueueCounts.Group(label: "200", state: .completed, count: 5)]
        for progress in [sample(outcomes: all, total: 5), sample(outcomes: [], total: 0)] {
            let bar = lines(progress)[0]
            #expect(!bar.contains("─"))
            #expect(bar.contains("━ 100 %"))
        }
    }

    @Test func lines_countTheOutcomesThatDoNotFit_ofEachState() {
        let completed = (200..<210).map {
            QueueCounts.Group(label: "\($0)", state: .completed, count: 1000)
        }
        let failed = (400..<404).map {
            QueueCounts.Group(label: "\($0)", state: .failed, count: 500 - $0)
        }
        let some = lines(sample(outcomes: completed + failed), columns: 40)
        #expect(
            some.suffix(3) == [
                "completed  10,000   200: 1,000   +9 more",
                "failed        394   400: 100   +3 more",
                "retrying        0",
            ])
        let all = lines(sample(outcomes: completed + failed), columns: 200)
        #expect(!all.joined().contains("more"))
    }

    @Test func lines_sayWhyNothingMoves_andThatTheRunIsAskedToStop() {
        let now = ContinuousClock.now
        let stuck = sample(rate: 0, trouble: "the network is \u{9B}31m down")
        let shown = lines(stuck, .finishing(until: now + .seconds(12.2)), now: now)
        #expect(
            shown[1] == "finishing the requests in flight, for 13 s at most; once more to stop now")
        #expect(shown[2] == "paused, 3 s: the network is \\u{9b}31m down")
        #expect(shown[3] == "0/s now   987/s average   no estimate yet")
        let late = lines(nil, .finishing(until: now - .seconds(1)), now: now)
        #expect(
            late == ["finishing the requests in flight, for 0 s at most; once more to stop now"])
        #expect(lines(nil, .now) == ["stopping now"])
    }
}

@Suite struct StatusDocumentTests {
    private func counts(outcomes: [QueueCounts.Group] = []) -> QueueCounts {
        QueueCounts(total: 100, running: 0, retriesRunning: 0, outcomes: outcomes, runs: [])
    }

    @Test func run_saysWhyItIsPaused() throws {
        func live(_ trouble: String?) -> QueueCounts.LiveRun {
            QueueCounts.LiveRun(
                pid: 7, host: "here", workers: 5, startedAtMicros: 0, heartbeatAge: .zero,
                requestsPerSecond: 4, trouble: trouble)
        }
        let paused = RunDocument(live("\u{1B}[2Jno name server answers"), left: 10)
        #expect(
            paused.lines == [
                "running: process 7, 5 workers, 4/s, no estimate yet",
                "paused: \\u{1b}[2Jno name server answers",
            ])
        #expect(try JSON.text(paused).contains(#""trouble":"\u001b[2Jno name server answers""#))
        let well = RunDocument(live(nil), left: 10)
        #expect(well.lines.count == 1)
        let held = RunDocument(live(nil), left: 10, isPaused: true)
        #expect(held.lines == ["running: process 7, 5 workers, 0/s, no estimate yet"])
        #expect(try JSON.text(well).contains(#""trouble":null"#))
    }

    @Test func lines_leaveOutOutcomesThatDoNotFit_failuresLast() {
        let outcomes =
            (200..<230).map { QueueCounts.Group(label: "\($0)", state: .completed, count: 1) }
            + [.init(label: "404", state: .failed, count: 7)]
        let document = StatusDocument(counts(outcomes: outcomes))
        #expect(document.lines(of: "q").count == 7 + 1 + 31 + 1 + 1)
        let lines = document.lines(of: "q", in: Terminal.Size(columns: 80, rows: 13))
        #expect(
            lines.suffix(5) == [
                "outcomes", "  404                        7  failed",
                "  200                        1  completed", "  and 29 more outcomes",
                "no run is going on",
            ])
        #expect(lines.count == 12)
    }
}

@Suite struct LayoutTests {
    @Test(arguments: [
        ("", 5, [""]), ("abc", 3, ["abc"]), ("abc def", 7, ["abc def"]),
        ("abc def", 6, ["abc", "def"]),
        ("abcdef", 4, ["abcd", "ef"]), ("a bcdefgh", 4, ["a", "bcde", "fgh"]),
        ("  abc def", 6, ["  abc", "def"]), ("abc    def", 5, ["abc", "def"]),
        ("abc  ", 3, ["abc"]),
        ("漢字 かな", 5, ["漢字", "かな"]), ("漢字", 1, ["漢", "字"]),
        (
            "one two three four five six seven", 20,
            ["one two three four", "  five six seven"]
        ),
    ])
    func wrapped_breaksAtBlanks(_ line: String, columns: Int, lines: [String]) {
        #expect(Layout.wrapped(line, columns: columns) == lines)
    }

    @Test(arguments: 1...90)
    func wrapped_keepsEachWord(columns: Int) {
        let text = (0..<20).map { String(repeating: "x", count: $0 % 9 + 1) }.joined(separator: " ")
        let lines = Layout.wrapped(text, columns: columns)
        #expect(lines.allSatisfy { Layout.width($0) <= columns })
        let words = lines.flatMap { $0.split(separator: " ") }
        #expect(words.joined() == text.replacing(" ", with: ""))
        if columns >= 11 { #expect(words.joined(separator: " ") == text) }
    }

    @Test(arguments: [
        (9, ["aaa   bbb", "cc"]), (8, ["aaa", "bbb   cc"]), (14, ["aaa   bbb   cc"]),
        (2, ["aaa", "bbb", "cc"]),
    ])
    func flowed_breaksNoPiece(columns: Int, lines: [String]) {
        #expect(Layout.flowed(["aaa", "bbb", "cc"], columns: columns) == lines)
    }

    @Test(arguments: [
        (14, "aaa   bbb   cc"), (13, "aaa   +2 more"), (19, "aaa   bbb   cc"), (1, "aaa   +2 more"),
    ])
    func shortened_countsWhatIsLeftOut(columns: Int, line: String) {
        #expect(Layout.shortened(["aaa", "bbb", "cc"], columns: columns) == line)
    }

    @Test func width_countsWideCharactersTwice_andNoColours() {
        #expect(Layout.width("a漢\u{1B}[32m━m\u{1B}[0m🙂é") == 8)
    }
}
