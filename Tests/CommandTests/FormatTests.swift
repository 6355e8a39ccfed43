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
        ("31536000", 31_536_000_000),
    ])
    func seconds_readsDecimals_toTheMillisecond(_ text: String, milliseconds: Int) {
        #expect(Seconds(argument: text)?.duration == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "0", "-1", "x", "1s", "nan", "inf", "-inf", "31536001", "1e300", "1,5"])
    func seconds_refuses(_ text: String) {
        #expect(Seconds(argument: text) == nil)
    }

    @Test func seconds_isShownWithItsUnit() {
        #expect(Seconds(30).description == "30 s")
        #expect(Seconds(argument: "2.5")?.description == "2.5 s")
        #expect(Seconds(30).defaultValueDescription == "30")
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
    private func progress(
        outcomes: [QueueCounts.Group] = [
            .init(label: "200", state: .completed, count: 4000),
            .init(label: "503", state: .retrying, count: 12),
            .init(label: "404", state: .failed, count: 310),
        ], total: Int = 10_000, rate: Double = 1234.5, timeLeft: Duration? = .seconds(128),
        trouble: String? = nil
    ) -> Progress {
        Progress(
            counts: QueueCounts(
                total: total, running: 100, retriesRunning: 0, outcomes: outcomes, run: nil),
            rateNow: rate, rateAverage: 987.6, timeLeft: timeLeft, elapsed: .seconds(4),
            inFlight: 1000, residentBytes: 31_457_280,
            troubles: trouble.map {
                [Trouble(kind: .host, host: "", message: $0, duration: .seconds(3))]
            } ?? [], waitingUntilMicros: nil)
    }

    @Test func line_tellsTheWholeState() {
        #expect(
            ProgressView.line(progress())
                == "4,310/10,000 (43.1 %), 1,234/s, average 987/s, 2m 08s left, 310 failed, "
                + "12 retrying, 1,000 in flight, 30 MB")
    }

    @Test func line_saysWhyNothingMoves() {
        #expect(
            ProgressView.line(progress(rate: 0, timeLeft: nil, trouble: "the network is down"))
                == "4,310/10,000 (43.1 %), 0/s, average 987/s, no estimate, 310 failed, "
                + "12 retrying, 1,000 in flight, 30 MB, waiting: the network is down")
    }

    @Test func block_drawsABarAndTwoLines() {
        let bar = String(repeating: "━", count: 23) + String(repeating: "─", count: 32)
        #expect(
            ProgressView.block(progress(), columns: 80, colour: false) == """
                \(bar) 43.1 %  4,310 / 10,000
                1,234/s now   987/s average   2m 08s left
                1,000 in flight   30 MB   200: 4,000  503 retrying: 12  404: 310
                """)
    }

    @Test func block_coloursTheBarAlone() {
        let lines = ProgressView.block(progress(), columns: 80, colour: true).split(separator: "\n")
        let done = String(repeating: "━", count: 23)
        let rest = String(repeating: "─", count: 32)
        #expect(
            lines[0] == "\u{1B}[32m\(done)\u{1B}[90m\(rest)\u{1B}[0m 43.1 %  4,310 / 10,000")
        #expect(!lines[1...].joined().contains("\u{1B}"))
    }

    @Test func block_drawsAFullBar_whenNothingIsLeft() {
        let all = [QueueCounts.Group(label: "200", state: .completed, count: 5)]
        for progress in [progress(outcomes: all, total: 5), progress(outcomes: [], total: 0)] {
            let text = ProgressView.block(progress, columns: 80, colour: false)
            #expect(!text.contains("─"))
            #expect(text.contains("━ 100 %"))
        }
    }

    @Test func block_showsSixOutcomesAtMost() {
        let many = (200..<210).map {
            QueueCounts.Group(label: "\($0)", state: .completed, count: 1)
        }
        let text = ProgressView.block(progress(outcomes: many), columns: 200, colour: false)
        #expect(text.contains("205: 1"))
        #expect(!text.contains("206: 1"))
    }

    @Test func block_saysWhyNothingMoves() {
        let text = ProgressView.block(
            progress(rate: 0, timeLeft: nil, trouble: "the network is down"), columns: 80,
            colour: false)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[1] == "0/s now   987/s average   no estimate yet")
        #expect(lines[3] == "waiting: the network is down")
    }

    @Test(arguments: [1, 2, 10, 20, 36, 40, 60, 80, 100, 200], [false, true])
    func block_neverFillsALine(columns: Int, colour: Bool) {
        let text = ProgressView.block(
            progress(trouble: String(repeating: "x", count: 300)), columns: columns, colour: colour)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4)
        for line in lines {
            // A cursor in the last column wraps.
            #expect(line.replacing(/\u{1B}\[[0-9]+m/, with: "").count < max(2, columns))
        }
        if colour {
            #expect(lines[0].contains("\u{1B}[0m"), "what is cut off does not leave it coloured")
        }
    }

    @Test func block_isClippedToTheTerminal() {
        let text = ProgressView.block(progress(), columns: 30, colour: false)
        #expect(
            text.split(separator: "\n") == [
                "━━━━────── 43.1 %  4,310 / 10",
                "1,234/s now   987/s average  ",
                "1,000 in flight   30 MB   200",
            ])
    }
}
