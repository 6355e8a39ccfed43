import JobStore
import Testing

@testable import Runner
@testable import runner_cli

/// The figures of a run are in the queue as text, which anybody may have written.
@Suite struct KeptFiguresTests {
    private var figures: RunFigures {
        var figures = RunFigures()
        figures.phase = .stalled
        figures.rateNow = 12.5
        figures.attempts = [RunFigures.Attempts(Outcome(.failed, .tooLarge), 7)]
        figures.durations = Histogram(.fine).sizes(sumMicros: 9)
        figures.troubles = [
            Trouble(
                kind: .openFiles, host: "http://a", message: "out of open files",
                duration: .seconds(3))
        ]
        figures.hosts = [
            HostFigures(
                name: "http://a", state: .resting, message: "it asked \"to wait\"",
                untilMicros: 5, perSecondMax: 2.5, inFlight: 1, waiting: 2, attempts: 3,
                failures: 1, rate: 0.25, whole: nil)
        ]
        return figures
    }

    @Test func figures_areReadAsTheyWere() throws {
        let kept = try #require(figures.kept)
        let read = try #require(RunFigures.read(kept))
        #expect(read.kept == kept)
        #expect(read.phase == .stalled && read.attempts == figures.attempts)
        #expect(read.troubles == figures.troubles)
        #expect(read.hosts[0].message == "it asked \"to wait\"" && read.hosts[0].state == .resting)
        // Its place in the row of the runner is written with each commit.
        #expect(kept.utf8.count < 2500, "\(kept.utf8.count)")
    }

    /// The figures as they were before validators were kept.
    @Test func figuresOfOlderVersions_areRead() throws {
        let text =
            #"{"phase":"running","elapsed_micros":0,"rate_now":0.0,"rate_average":0.0,"in_flight":0,"workers":0,"workers_max":0,"resident_bytes":0,"cpu_micros":0,"attempts":[],"measures":{"requests":{"made":41,"retried":0,"refused":0,"redirects":0,"received_bytes":43},"worker_time":{"server_micros":0,"connecting_micros":0,"resolving_micros":0,"held_micros":0,"queue_micros":0,"disk_micros":0,"idle_micros":0},"slowest_hosts":[]},"durations":{"counts":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"sum_micros":0},"commit_durations":{"counts":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"sum_micros":0},"troubles":[],"trouble_count":0,"hosts":[],"host_count":0}"#
        #expect(RunFigures.read(text)?.measures.requests.made == 41)
        let requests = #""received_bytes":43"#
        for (count, isRead) in [("null", true), ("44", true), ("-1", false), ("\(1 << 57)", false)]
        {
            let newer = text.replacing(
                requests, with: requests + #","entity_tags_left_out":\#(count)"#)
            #expect(newer != text && (RunFigures.read(newer) != nil) == isRead, "\(count)")
        }
    }

    @Test func onlySomeHostsAndOutcomes_areKept() throws {
        var figures = figures
        figures.hosts = Array(repeating: figures.hosts[0], count: 50)
        figures.attempts = (0..<200).map { RunFigures.Attempts(Outcome(.failed, status: $0), 1) }
        let kept = try #require(figures.kept)
        #expect(kept.utf8.count < 6000, "\(kept.utf8.count)")
        #expect(RunFigures.read(kept)?.hosts.count == 10)
    }

    @Test(arguments: [
        ("\"rate_now\":12.5", "\"rate_now\":-1"), ("\"rate_now\":12.5", "\"rate_now\":1e300"),
        ("\"count\":7", "\"count\":-7"), ("\"count\":7", "\"count\":9223372036854775807"),
        ("\"count\":7", "\"count\":7.5"), ("\"phase\":\"stalled\"", "\"phase\":\"asleep\""),
        ("\"sum_micros\":9", "\"sum_micros\":72057594037927937"),
        ("\"waiting\":2", "\"waiting\":-2"), ("\"workers\":0", "\"workers\":null"),
    ])
    func otherNumbers_areNoFigures(_ old: String, _ new: String) throws {
        let text = try #require(figures.kept).replacing(old, with: new)
        #expect(text != figures.kept, "\(old) is not in the text")
        #expect(RunFigures.read(text) == nil)
    }

    @Test(arguments: ["", "{}", "{", "null", "[]", "{\"made\":1,\"ttfb_count\":2}"])
    func otherText_isNoFigures(_ text: String) {
        #expect(RunFigures.read(text) == nil)
    }
}

/// Events and failures that the queue keeps beside the figures.
@Suite struct KeptNewsTests {
    @Test func news_areFewAndShort_andReadAsTheyWere() throws {
        let monitor = RunMonitor()
        for number in 0..<50 {
            monitor.note("event \(number)\u{1B}[31m" + String(repeating: "x", count: 500), .warning)
        }
        let news = try #require(monitor.read { KeptNews($0) })
        let text = try #require(RunFigures().kept(with: news))
        #expect(text.utf8.count < 6000 && RunFigures.read(text) != nil)
        let read = try #require(KeptNews.read(text))
        #expect(read == news && read.events.count == 4)
        #expect(read.events.last?.text.hasPrefix("event 49\\u{1b}[31mxxx") == true)
        #expect(RunMonitor().read { KeptNews($0) } == nil)
    }

    @Test(arguments: [
        "", "{}", "{\"news\":null}", "{\"news\":{}}",
        "{\"news\":{\"events\":[{}],\"failures\":[]}}",
        "{\"news\":{\"events\":[{\"at_micros\":-1,\"is_warning\":true,\"text\":\"x\"}],\"failures\":[]}}",
    ])
    func otherText_isNoNews(_ text: String) { #expect(KeptNews.read(text) == nil) }

    @Test func news_ofOthers_driveNoTerminal() throws {
        let text =
            #"{"news":{"events":[{"at_micros":1,"is_warning":false,"text":"\u001b[2J\u202e"}],"failures":[]}}"#
        #expect(KeptNews.read(text)?.events[0].text == "\\u{1b}[2J\u{FFFD}")
    }
}
