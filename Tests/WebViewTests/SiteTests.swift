import Testing

@testable import WebView

@Suite struct SiteTests {
    private static let token = "0123456789abcdef"

    private func site(queues: Int = 1, state: QueueFacts.State = .running) throws -> Site {
        let options = WebOptions(
            address: "127.0.0.1", port: 0, hostNames: [],
            token: try #require(WebToken(Self.token)), version: "1", isOwnProcess: true)
        return Site(
            queues: (0..<queues).map { _ in SampleQueue { $0.state = state } },
            rules: AccessRules(options: options, port: 4711))
    }

    private func ask(
        _ site: Site, _ method: String, _ path: String, _ body: String = "", isHeld: Bool = true
    ) -> Answer? {
        var fields = [(name: "Host", value: "localhost"), ("Sec-Fetch-Site", "same-origin")]
        if isHeld { fields.append(("Cookie", "runner-4711=\(Self.token)")) }
        let request = WebRequest(method: method, target: path, fields: fields)
        guard case .answer(let answer) = site.reply(to: request, Array(body.utf8)) else {
            return nil
        }
        return answer
    }

    @Test func pagesAndTheirParts_needNoToken() throws {
        for path in [
            "/", "/q/1/", "/app.js", "/charts.js", "/tables.js", "/style.css", "/icon.svg",
        ] {
            let answer = try #require(ask(try site(), "GET", path, isHeld: false))
            #expect(answer.status == 200 && answer.body.count > 100, "\(path)")
        }
        let one = try #require(ask(try site(), "GET", "/"))
        let two = try #require(ask(try site(queues: 2), "GET", "/"))
        #expect(one.body != two.body)
    }

    @Test func theToken_isTradedForACookie() throws {
        let site = try site()
        let answer = try #require(
            ask(site, "POST", "/session", "token=\(Self.token)", isHeld: false))
        #expect(answer.status == 204)
        let cookie = answer.fields.first { $0.0 == "Set-Cookie" }?.1
        #expect(cookie == "runner-4711=\(Self.token); Path=/; HttpOnly; SameSite=Strict")
        for body in ["", "token=", "token=0123456789abcdeg", "token=\(Self.token)&token=x"] {
            #expect(ask(site, "POST", "/session", body, isHeld: false)?.status == 401)
        }
    }

    @Test func otherMethods_areRefused() throws {
        let site = try site()
        #expect(ask(site, "GET", "/do/pause")?.status == 405)
        #expect(ask(site, "POST", "/events")?.status == 405)
        #expect(ask(site, "PUT", "/")?.status == 405)
        #expect(ask(site, "POST", "/do/explode")?.status == 400)
        #expect(ask(site, "POST", "/do/limit", "queue=x")?.status == 400)
        #expect(ask(site, "GET", "/nothing")?.status == 404)
    }

    @Test func readiness_isThatOfAllQueues() throws {
        #expect(ask(try site(), "GET", "/readyz")?.status == 200)
        for state in [QueueFacts.State.starting, .unreadable] {
            #expect(ask(try site(state: state), "GET", "/readyz")?.status == 503)
            #expect(ask(try site(state: state), "GET", "/healthz")?.status == 200)
        }
    }

    @Test func thePolicyOfEachAnswer_allowsOurFilesAlone() {
        let fields = Dictionary(uniqueKeysWithValues: Answer.safety)
        let policy = fields["Content-Security-Policy"] ?? ""
        #expect(policy.hasPrefix("default-src 'none'"))
        #expect(!policy.contains("unsafe") && !policy.contains("*") && !policy.contains("http"))
        #expect(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"))
    }

    @Test func refusals_sayWhy() throws {
        let answer = Site.answer(.failure(ActionRefusal("no \"drain\"")))
        #expect(String(decoding: answer.body, as: UTF8.self) == #"{"error":"no \"drain\""}"#)
    }
}
