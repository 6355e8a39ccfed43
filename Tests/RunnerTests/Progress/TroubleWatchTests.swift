import Testing

@testable import Runner

@Suite struct TroubleWatchTests {
    private var watch = TroubleWatch()

    private mutating func news(_ troubles: [Trouble], atSecond second: Int = 0) -> [TroubleNews] {
        watch.news(
            of: troubles, at: Now(monotonicMicros: second * 1_000_000, wallMicros: 0))
    }

    private func trouble(_ host: String, seconds: Double) -> Trouble {
        Trouble(kind: .host, host: host, message: "gone", duration: .seconds(seconds))
    }

    @Test mutating func news_comesTwice_whenItHasBegun_andWhenItIsOver() {
        #expect(news([trouble("a", seconds: 1.9)]).isEmpty)
        let began = trouble("a", seconds: 2)
        #expect(news([began]) == [TroubleNews(trouble: began, isOver: false)])
        let last = trouble("a", seconds: 20)
        #expect(news([last]).isEmpty)
        #expect(news([]) == [TroubleNews(trouble: last, isOver: true)])
        #expect(news([]).isEmpty)
    }

    @Test mutating func news_isNone_ofWhatIsSoonOver() {
        #expect(news([trouble("a", seconds: 1)]).isEmpty)
        #expect(news([]).isEmpty)
    }

    /// A list of a hundred thousand dead hosts makes no log of a hundred thousand lines.
    @Test mutating func news_isOfTenHosts_andOneAMinute() {
        let lines = (0..<600).flatMap { second in
            news((0..<50).map { trouble("\(second)-\($0)", seconds: 5) }, atSecond: second)
        }
        // Each is over a second later.
        #expect(lines.count { !$0.isOver } == 10 + 9)
        #expect(lines.count { $0.isOver } == 10 + 9)
    }
}
