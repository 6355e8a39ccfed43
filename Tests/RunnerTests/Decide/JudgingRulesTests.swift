import JobStore
import Testing

@testable import Runner

@Suite struct JudgingRulesTests {
    @Test(arguments: [
        ("", []),
        ("  ", []),
        ("404", [JudgingItem.statuses(404...404)]),
        ("4xx", [.statuses(400...499)]),
        ("4XX", [.statuses(400...499)]),
        ("400-499", [.statuses(400...499)]),
        ("100,999", [.statuses(100...100), .statuses(999...999)]),
        ("500-504, 429 ,timeout", [.statuses(500...504), .statuses(429...429), .reason(.timeout)]),
        ("network,bad_response", [.network, .reason(.badResponse)]),
        ("type=Text/HTML", [.type("text/html", isOther: false)]),
        (
            "type!=application/ld+json,404",
            [
                .type("application/ld+json", isOther: true), .statuses(404...404),
            ]
        ),
        ("404,body~a{1,2},b", [.statuses(404...404), .body("a{1,2},b")]),
        ("body~ x ", [.body(" x ")]),
    ])
    func list_isRead_andWrittenAgain(text: String, items: [JudgingItem]) throws {
        #expect(try JudgingItem.list(text) == items)
        #expect(try JudgingItem.list(items.map(\.text).joined(separator: ",")) == items)
    }

    @Test(arguments: [
        "x", "40", "4040", "099", "0xx", "4x", "xxx", "404-400", "400-", "-404", "400-404-408",
        "404,", ",404", "404,,410", "+404", "４０４", "Timeout", "bad-response", "body", "body~",
        "body=x", "type=", "type!=json", "type=a/b/c", "type=a/", "type=text/html;q=1", "type~x",
        "retrying", "2xx 404",
    ])
    func list_refuses_whatIsNoItem(text: String) {
        let fault = #expect(throws: JudgingFault.self) { try JudgingItem.list(text) }
        #expect(fault?.code == .unknown)
    }

    @Test func builtInRule_isThatOfTheDocs() {
        let rules = JudgingRules()
        for status in -1...1000 {
            let verdict: JudgingRules.Verdict =
                switch status {
                case 200...299: .complete
                case 408, 425, 429, 500...599: .retry
                default: .fail
                }
            #expect(rules.verdict(onStatus: status) == verdict, "\(status)")
        }
        for reason in Outcome.Reason.allCases { #expect(rules.verdict(on: reason) == nil) }
        #expect(!rules.hasConditions && !rules.needsBodies)
    }

    /// A status counts before a span, a span before a wider one, whatever the lists and the order.
    @Test func narrowestItem_counts() throws {
        let rules = try JudgingRules([
            .complete: JudgingItem.list("4xx,503,500-550"), .retry: JudgingItem.list("400-409,200"),
            .fail: JudgingItem.list("404,401,5xx,500-504"),
        ])
        for (status, verdict) in [
            (404, JudgingRules.Verdict.fail), (401, .fail), (400, .retry), (409, .retry),
            (410, .complete), (499, .complete), (503, .complete), (502, .fail), (505, .complete),
            (550, .complete), (551, .fail), (599, .fail), (200, .retry), (201, .complete),
            (301, .fail),
        ] {
            #expect(rules.verdict(onStatus: status) == verdict, "\(status)")
        }
    }

    @Test func reason_byItsName_countsBeforeNetwork() throws {
        let rules = try JudgingRules([
            .fail: JudgingItem.list("network"), .retry: JudgingItem.list("dns,too_large"),
        ])
        for reason in Outcome.Reason.allCases {
            let verdict: JudgingRules.Verdict? =
                switch reason {
                case .dns, .tooLarge: .retry
                case .connect, .tls, .timeout, .reset: .fail
                case .badResponse, .redirects, .forbiddenAddress, .badURL, .robots, .handler,
                    .other, .unchanged:
                    nil
                }
            #expect(rules.verdict(on: reason) == verdict, "\(reason)")
        }
    }

    @Test(arguments: [
        ("404", "404"), ("4xx", "400-499"), ("400-410", "405-415"), ("timeout", "timeout"),
        ("network", "dns,network"),
    ])
    func twoLists_withTheSameItem_areRefused(retry: String, fail: String) throws {
        let items = [
            JudgingRules.Verdict.retry: try JudgingItem.list(retry),
            .fail: try JudgingItem.list(fail),
        ]
        let fault = #expect(throws: JudgingFault.self) { try JudgingRules(items) }
        guard case .contradiction = fault?.code else {
            Issue.record("\(fault as Any)")
            return
        }
    }

    @Test func oneList_mayNameAnItemTwice() throws {
        let rules = try JudgingRules([.fail: JudgingItem.list("503,503,dns,dns,network,network")])
        #expect(rules.verdict(onStatus: 503) == .fail)
    }

    @Test(arguments: ["timeout", "network", "body~x", "type=text/html"])
    func onlyStatuses_completeAJob(item: String) throws {
        let items = try JudgingItem.list("404," + item)
        let fault = #expect(throws: JudgingFault.self) { try JudgingRules([.complete: items]) }
        #expect(fault == JudgingFault(.completesNothing, item))
    }

    @Test(arguments: ["(", "a{2,1}", "[", "*\u{0}"])
    func aPatternThatIsNone_isRefused(pattern: String) throws {
        let fault = #expect(throws: JudgingFault.self) {
            try JudgingRules([.retry: [.body(pattern)]])
        }
        guard case .badPattern(let words) = fault?.code else {
            Issue.record("\(fault as Any)")
            return
        }
        #expect(!words.isEmpty && fault?.item == "body~\(pattern)")
    }
}
