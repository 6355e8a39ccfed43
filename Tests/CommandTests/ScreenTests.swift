import TestSupport
import Testing

@testable import runner_cli

/// What stands on a terminal, compared whole: nothing is cut, and nothing stays of what was drawn
/// before, however its size changes.
@Suite(.serialized) struct ScreenTests {
    private let program = Program()

    /// Jobs of which 3 complete, 12 fail and 10 are never answered.
    private func enqueue(_ origin: TestOrigin) async throws {
        for (range, path) in [
            ("0..3", "{id}"), ("0..12", "status/404/{id}"), ("0..10", "silent/{id}"),
        ] {
            try await program.runner("enqueue", "--range", range, "--url", "\(origin.url)/\(path)")
                .expectSuccess()
        }
    }

    private let firstLines = [
        "starting runner.db: 0 done, 25 left, 0 may be fetched again",
        "runner: robots.txt is not asked for: batches of one host; --robots asks",
    ]

    /// The view of it all once nothing moves any more.
    private func view(bar: (Int, Int), notices: [String] = []) -> [String] {
        let (done, rest) = bar
        let bar = String(repeating: "━", count: done) + String(repeating: "─", count: rest)
        return ["\(bar) 60.0 %  15 / 25"] + notices + [
            "0/s now   N/s average   no estimate yet",
            "10 in flight   N MB of memory",
            "completed   3   200: 3",
            "failed     12   404: 12",
            "retrying    0",
        ]
    }

    /// What differs from run to run as `N`.
    private func masked(_ lines: [String]) -> [String] {
        lines.map {
            $0.replacing(/[0-9,]+\/s average/, with: "N/s average")
                .replacing(/[0-9]+ MB/, with: "N MB")
                .replacing(#/ in [0-9.]+ s \([0-9,]+/s\)/#, with: " in N s (N/s)")
                .replacing(/for [0-9]+ s at most/, with: "for N s at most")
        }
    }

    private func expect(
        _ screen: Screen, shows lines: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await screen.expect(lines, masked: masked, sourceLocation: sourceLocation)
    }

    @Test func theLiveView_followsTheWindow_andLeavesNothingBehind() async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        let screen = try await Screen(
            columns: 80, rows: 20, in: program, "run -w 20 --max-time 600 --grace 3")
        try await screen.wait(for: "0/s now")
        try await expect(screen, shows: firstLines + view(bar: (36, 24)))

        for (columns, bar) in [(40, (13, 10)), (120, (36, 24)), (25, (0, 0)), (80, (36, 24))] {
            try await screen.resize(columns: columns, rows: 20)
            guard columns > 25 else {
                // Too narrow for a bar.
                try await screen.wait(for: "60.0 %   15 / 25")
                let narrow = [
                    "60.0 %   15 / 25", "0/s now   N/s average", "no estimate yet", "10 in flight",
                    "N MB of memory",
                ]
                try await expect(
                    screen, shows: firstLines + narrow + view(bar: (0, 0)).suffix(3))
                continue
            }
            let shown = view(bar: bar)
            try await screen.wait(for: shown[0])
            try await expect(screen, shows: firstLines + shown)
        }
    }

    @Test(arguments: [40, 80, 120])
    func aStop_isCountedDown_andTheResultStandsAlone(columns: Int) async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        let screen = try await Screen(
            columns: columns, rows: 20, in: program, "run -w 20 --max-time 600 --grace 4")
        try await screen.wait(for: "15 / 25")
        try await screen.interrupt()
        let stopping = "finishing the requests in flight, for"
        // It is drawn about once a second, so that a second may be left out.
        for seconds in [3, 2] {
            try await screen.wait(
                forOneOf: columns == 40
                    ? [stopping] : ["\(stopping) \(seconds) s", "\(stopping) \(seconds - 1) s"])
        }
        try await screen.wait(for: "exit 11")
        let lines = masked(try await screen.lines())
        #expect(
            Array(lines.prefix(3)) == firstLines + [
                "stopped: 15 jobs in N s (N/s); 3 completed, 12 failed of 25; 10 left: run again to resume"
            ])
        #expect(lines[3].hasPrefix("requests: 25, ") && lines.last == "exit 11")
        #expect(!lines.contains { $0.contains("finishing") }, "\(lines)")
    }

    @Test func aStop_isShownInWholeWords_andFitsANarrowWindow() async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        let screen = try await Screen(
            columns: 40, rows: 20, in: program, "run -w 20 --max-time 600 --grace 600")
        try await screen.wait(for: "15 / 25")
        try await screen.interrupt()
        try await screen.wait(for: "finishing")
        let stopping = [
            "finishing the requests in flight, for", "  600 s at most; once more to stop now",
        ]
        try await screen.expect(
            firstLines + view(bar: (13, 10), notices: stopping),
            masked: { masked($0).map { $0.replacing(/[56][0-9][0-9] s/, with: "600 s") } })
        try await screen.interrupt()
        try await screen.wait(for: "exit 11")
        let lines = try await screen.lines()
        #expect(lines[2].hasPrefix("stopped: ") && lines.last == "exit 11")
        #expect(!lines.contains { $0.contains("finishing") }, "\(lines)")
    }

    @Test func statusWatch_followsTheWindow_andStaysWhenItIsInterrupted() async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        let screen = try await Screen(columns: 120, rows: 20, in: program, "status --watch")
        func view(_ total: Int, width: Int = 28) -> [String] {
            func row(_ name: String, _ count: Int) -> String {
                let number = Format.count(count)
                let gap = String(
                    repeating: " ", count: max(1, width - name.count - number.count))
                return "  " + name + gap + number
            }
            return ["runner.db: 0.0 % done", row("total", total), row("available", total)]
                + ["running", "retrying", "completed", "failed"].map { row($0, 0) }
                + ["no run is going on"]
        }
        try await screen.wait(for: "no run")
        try await screen.expect(view(25))
        for (index, (columns, width)) in [(40, 26), (24, 14), (80, 28)].enumerated() {
            try await screen.resize(columns: columns, rows: 20)
            // Drawn again for the new size, it shows these, too.
            try await program.runner("enqueue", "--range", "0..1000").expectSuccess()
            let lines = view(1025 + 1000 * index, width: width)
            try await screen.expect(lines)
        }
        try await screen.interrupt()
        try await screen.wait(for: "exit 130")
        let lines = try await screen.lines()
        #expect(Array(lines.prefix(8)) == view(3025))
    }
}
