import Testing

@testable import WebView

@Suite struct RouteTests {
    private func route(_ path: String, queues: Int = 1) -> Route? {
        Route(WebRequest(method: "GET", target: path, fields: []), queues: queues)
    }

    @Test func ofOneQueue_allIsAtTheRoot_andUnderItsNumber() {
        #expect(route("/") == .start && route("/events") == .events(0))
        #expect(route("/q/1/") == .page(0) && route("/q/1/events") == .events(0))
        #expect(route("/history/minutes?a=b") == .history(0, span: "minutes"))
        #expect(route("/do/pause") == .action(0, "pause"))
        #expect(route("/app.js") == .part("app.js") && route("/favicon.ico") == .part("icon.svg"))
        #expect(route("/session") == .session && route("/metrics") == .metrics)
    }

    @Test func ofSeveral_eachIsUnderItsNumber() {
        #expect(route("/events", queues: 3) == nil && route("/do/pause", queues: 3) == nil)
        #expect(route("/q/3/failures", queues: 3) == .failures(2))
        #expect(route("/q/2/do/retry", queues: 3) == .action(1, "retry"))
        #expect(route("/", queues: 3) == .start)
    }

    @Test(arguments: [
        "", "x", "//", "/q", "/q/", "/q/0/", "/q/2/", "/q/-1/events", "/q/01/events", "/q/1",
        "/q/1/q/1/", "/app.js/", "/../app.js", "/%61pp.js", "/do", "/do/", "/history",
        "/q/x/events",
        "/q/99999999999999999999/", "/events/", "/index.html", "http://localhost/events",
    ])
    func thereIsNothingElse(_ path: String) {
        let route = route(path)
        #expect(route == nil || route == .action(0, ""), "\(path)")
    }

    @Test func actions_needTheTokenAndOurPage_andPOST() {
        for path in ["/do/pause", "/q/1/do/drain"] {
            #expect(route(path)?.need == .change && route(path)?.method == "POST")
        }
        for path in ["/events", "/failures", "/history/seconds", "/queues"] {
            #expect(route(path)?.need == .token && route(path)?.method == "GET")
        }
        #expect(route("/session")?.need == .sameOrigin && route("/metrics")?.need == .metrics)
        #expect(route("/")?.need == .host && route("/healthz")?.need == .nothing)
    }

    @Test func actions_areReadFromForms() {
        #expect(QueueAction("pause", [:]) == .pause && QueueAction("resume", [:]) == .resume)
        #expect(QueueAction("drain", [:]) == .drain)
        #expect(QueueAction("retry", ["outcome": "5xx"]) == .retry(outcomes: "5xx"))
        #expect(QueueAction("retry", [:]) == nil)
        #expect(QueueAction("retry", ["outcome": "404", "queue": "x"]) == nil)
        #expect(QueueAction("limit", ["workers": "5"]) == .limit(["workers": "5"]))
        #expect(QueueAction("limit", ["queue": "other.db"]) == nil)
        #expect(QueueAction("limit", [:]) == nil && QueueAction("", [:]) == nil)
    }

    @Test func forms_areReadStrictly() {
        #expect(FormText.values(of: "".utf8) == [:])
        #expect(FormText.values(of: "a=1&b=%C3%BC+x%26".utf8) == ["a": "1", "b": "ü x&"])
        #expect(FormText.values(of: "a=".utf8) == ["a": ""])
        for text in ["a", "=1", "a=1&a=2", "a=%", "a=%4", "a=%zz", "a=%FF"] {
            #expect(FormText.values(of: text.utf8) == nil, "\(text)")
        }
    }
}
