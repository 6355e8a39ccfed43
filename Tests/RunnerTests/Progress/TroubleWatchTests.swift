import Testing

@testable import Runner

@Suite struct TroubleWatchTests {
    private var watch = TroubleWatch()

    private func trouble(_ host: String, seconds: Double) -> Trouble {
        Trouble(kind: .host, host: host, message: "gone", duration: .seconds(seconds))
    }

    @Test mutating func news_comesTwice_whenItHasBegun_andWhenItIsOver() {
        #expect(watch.news(of: [trouble("a", seconds: 1.9)]).isEmpty)
        let began = trouble("a", seconds: 2)
        #expect(watch.news(of: [began]) == [TroubleNews(trouble: began, isOver: false)])
        let last = trouble("a", seconds: 20)
        #expect(watch.news(of: [last]).isEmpty)
        #expect(watch.news(of: []) == [TroubleNews(trouble: last, isOver: true)])
        #expect(watch.news(of: []).isEmpty)
    }

    @Test mutating func news_isNone_ofWhatIsSoonOver() {
        #expect(watch.news(of: [trouble("a", seconds: 1)]).isEmpty)
        #expect(watch.news(of: []).isEmpty)
    }

    @Test mutating func news_isOfTenHostsAtATime() {
        let many = (10..<30).map { trouble("\($0)", seconds: 5) }
        #expect(watch.news(of: many).map(\.trouble.host) == (10..<20).map { "\($0)" })
        let rest = Array(many.dropFirst(5))
        let news = watch.news(of: rest)
        #expect(news.filter(\.isOver).map(\.trouble.host) == (10..<15).map { "\($0)" })
        #expect(watch.news(of: rest).map(\.trouble.host) == (20..<25).map { "\($0)" })
    }
}
