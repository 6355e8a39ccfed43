import Testing

@testable import WebView

@Suite struct AccessRulesTests {
    private static let token = "0123456789abcdef"

    private func rules(address: String = "127.0.0.1", names: [String] = []) throws -> AccessRules {
        AccessRules(
            options: WebOptions(
                address: address, port: 8080, hostNames: names,
                token: try #require(WebToken(Self.token)), version: "1", isOwnProcess: true),
            port: 8080)
    }

    private func request(_ fields: [(name: String, value: String)]) -> WebRequest {
        WebRequest(method: "POST", target: "/", fields: fields)
    }

    @Test(arguments: [
        ("localhost", true), ("localhost:8080", true), ("LOCALHOST:1", true),
        ("127.0.0.1:8080", true), ("[::1]:8080", true), ("a.test", true), ("A.test:80", true),
        ("evil.test:8080", false), ("localhost.evil.test", false), ("127.0.0.1.evil.test", false),
        ("localhost:8080@evil.test", false), ("", false), ("[::1", false), ("localhost:x", false),
        ("127.0.0.2", false), (" localhost", false),
    ])
    func hosts_areThoseByWhichPeopleComeHere(_ host: String, _ isOurs: Bool) throws {
        let rules = try rules(names: ["a.test"])
        let refusal = rules.refusal(of: request([("Host", host)]), .host)
        #expect(refusal == (isOurs ? nil : .otherHost))
        #expect(rules.refusal(of: request([("Host", host)]), .nothing) == nil)
    }

    @Test func aHostThatIsMissing_orThereTwice_isNone() throws {
        #expect(try rules().refusal(of: request([]), .host) == .otherHost)
        let two = request([("Host", "localhost"), ("host", "localhost")])
        #expect(try rules().refusal(of: two, .host) == .otherHost)
    }

    @Test(arguments: [
        ("cookie", "runner-8080=\(token)", true), ("Cookie", "a=b; runner-8080=\(token); c", true),
        ("Authorization", "Bearer \(token)", true), ("authorization", "bearer \(token)", true),
        ("Authorization", "Basic \(token)", false), ("Authorization", token, false),
        ("Cookie", "runner-8081=\(token)", false), ("Cookie", "xrunner-8080=\(token)", false),
        ("Cookie", "runner-8080=\(token)0", false), ("Cookie", "runner-8080=", false),
        ("Cookie", "runner-8080=0123456789abcdeF", false), ("X-Token", token, false),
    ])
    func theToken_letsIn(_ name: String, _ value: String, _ isIn: Bool) throws {
        let request = request([("Host", "localhost"), (name, value)])
        #expect(try rules().refusal(of: request, .token) == (isIn ? nil : .noToken))
    }

    @Test func twoCookieFields_letNobodyIn() throws {
        let cookie = (name: "Cookie", value: "runner-8080=\(Self.token)")
        let request = request([("Host", "localhost"), cookie, cookie])
        #expect(try rules().refusal(of: request, .token) == .noToken)
    }

    @Test func metrics_needTheToken_whereOthersReachThem() throws {
        let open = request([("Host", "a.test")])
        let held = request([("Host", "a.test"), ("Authorization", "Bearer \(Self.token)")])
        let far = try rules(address: "0.0.0.0", names: ["a.test"])
        #expect(far.refusal(of: open, .metrics) == .noToken)
        #expect(far.refusal(of: held, .metrics) == nil)
        #expect(try rules(names: ["a.test"]).refusal(of: open, .metrics) == nil)
        #expect(try rules().refusal(of: open, .metrics) == .otherHost)
    }

    @Test(arguments: [
        ([("Sec-Fetch-Site", "same-origin")], true),
        ([("Origin", "http://localhost:8080")], true),
        ([("Origin", "https://LOCALHOST:8080")], true),
        ([("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost:8080")], true),
        ([], false), ([("Sec-Fetch-Site", "none")], false),
        ([("Sec-Fetch-Site", "same-site")], false), ([("Sec-Fetch-Site", "cross-site")], false),
        ([("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost:8081")], false),
        ([("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost:8080")], false),
        ([("Origin", "null")], false), ([("Origin", "http://localhost")], false),
        ([("Origin", "http://localhost:8080"), ("Origin", "http://localhost:8080")], false),
    ])
    func changes_comeFromOurPageAlone(_ fields: [(String, String)], _ isOurs: Bool) throws {
        var all = [(name: "Host", value: "localhost:8080")]
        all += fields.map { (name: $0.0, value: $0.1) }
        #expect(
            try rules().refusal(of: request(all), .sameOrigin) == (isOurs ? nil : .otherSite))
        #expect(
            try rules().refusal(of: request(all), .change) == (isOurs ? .noToken : .otherSite))
        all.append((name: "Authorization", value: "Bearer \(Self.token)"))
        #expect(try rules().refusal(of: request(all), .change) == (isOurs ? nil : .otherSite))
    }

    @Test func whatIsRead_isOfNoOtherSite() throws {
        let held = [(name: "Host", value: "localhost")]
        for (site, refusal) in [
            ("same-origin", AccessRules.Refusal.noToken), ("none", .noToken),
            ("same-site", .otherSite), ("cross-site", .otherSite),
        ] {
            let request = request(held + [(name: "Sec-Fetch-Site", value: site)])
            #expect(try rules().refusal(of: request, .token) == refusal, "\(site)")
        }
    }
}
