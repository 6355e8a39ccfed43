import Testing

@testable import Runner

/// What a run follows by rules, and what it need not look at.
@Suite struct FollowingHandlerTests {
    private let bench: SinkBench

    init() throws { bench = try SinkBench(budget: 8 << 20) }

    private func record(_ fields: String, _ body: String = "") throws -> Record {
        bench.record(
            .sample(1), .ok,
            try bench.capture(head: "HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n", body: Array(body.utf8)))
    }

    @Test func responsesWithoutTheField_areDoneAtOnce() async throws {
        var rules = FollowRules()
        rules.nextLink = true
        let handler = FollowingHandler(rules)
        let none = try record("Content-Type: text/html\r\nLinks: <x>; rel=next", "<a href=x>")
        #expect(handler.handledAtOnce(none)?.follow.isEmpty == true)
        #expect(handler.handledAtOnce(none)?.makesRecords == false)
        let some = try record("LINK: <http://h/2>; rel=\"next\"")
        #expect(handler.handledAtOnce(some) == nil)
        #expect(try await handler.handle(some).follow == [FollowRequest("http://h/2")])
        // Another handler sees them all.
        struct Other: ResponseHandler {
            let concurrency = 1
            let timeLimit = Duration.seconds(1)
            func handle(_ record: Record) async throws -> Handled { Handled() }
        }
        #expect(FollowingHandler(rules, beside: Other()).handledAtOnce(none) == nil)
    }

    @Test func bodiesOfOtherTypes_areDoneAtOnce() throws {
        var rules = FollowRules()
        rules.links = true
        let links = FollowingHandler(rules)
        #expect(links.handledAtOnce(try record("Content-Type: image/png", "x")) != nil)
        #expect(links.handledAtOnce(try record("content-type: TEXT/html; charset=x", "x")) == nil)
        #expect(links.handledAtOnce(try record("X: y", "x")) == nil)
        rules.links = false
        rules.sitemaps = true
        let sitemaps = FollowingHandler(rules)
        #expect(sitemaps.handledAtOnce(try record("Content-Type: text/html", "<urlset>")) != nil)
        #expect(sitemaps.handledAtOnce(try record("Content-Type: text/xml", "<urlset>")) == nil)
        rules.sitemaps = false
        rules.places = [try .init("/next")]
        let places = FollowingHandler(rules)
        #expect(places.handledAtOnce(try record("Content-Type: text/plain", "next: 2")) != nil)
        #expect(
            places.handledAtOnce(try record("Content-Type: text/plain", " {\"next\":2}")) == nil)
        #expect(places.handledAtOnce(try record("Content-Type: application/json", "x")) == nil)
    }
}
