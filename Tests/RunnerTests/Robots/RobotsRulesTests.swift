import TestSupport
import Testing

@testable import Runner

/// Patterns and paths, and how rules are kept.
@Suite struct RobotsRulesTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The first five are those of RFC 9309, 2.2.2; the next four those of Google's
    /// `TestMaybeEscapePattern`.
    @Test(arguments: [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar"),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/a/b/c", "/a/b/c"), ("á", "%C3%A1"), ("%aa", "%AA"), ("/%", "/%25"), ("/%4", "/%254"),
        ("/%g0", "/%25g0"), ("/a%2fb", "/a%2Fb"), ("/a?b/c?d", "/a?b%2Fc%3Fd"),
        ("/a%3fb/c", "/a%3Fb/c"), ("/ a", "/%20a"), ("/a:b,c", "/a%3Ab%2Cc"),
        ("/a%3Ab%2cc", "/a%3Ab%2Cc"), ("/a&b=c%26d%3De", "/a&b=c%26d%3De"), ("/~a%7Eb", "/~a~b"),
    ])
    func pathsAndPatterns_haveOneForm(written: String, normal: String) {
        #expect(text(RobotsPath.normal(path: written.utf8)) == normal)
        #expect(text(RobotsPath.normal(pattern: written.utf8)) == normal)
        #expect(text(RobotsPath.normal(pattern: normal.utf8)) == normal, "a second time")
    }

    @Test func starsAndDollars_meanSomething_inPatternsAlone() {
        #expect(text(RobotsPath.normal(path: "/a*b$".utf8)) == "/a%2Ab%24")
        #expect(text(RobotsPath.normal(pattern: "/a*b$c$".utf8)) == "/a*b%24c$")
        #expect(text(RobotsPath.normal(pattern: "/a%2Ab%24".utf8)) == "/a%2Ab%24")
    }

    /// Against a slow matcher that cannot be wrong.
    @Test func patterns_matchAsTheyAreDefined() {
        var random = SeededGenerator(seed: testSeed(for: "robotsPatterns"))
        func isMatch(_ pattern: Substring, _ path: Substring) -> Bool {
            guard let first = pattern.first else { return true }
            if pattern == "$" { return path.isEmpty }
            if first == "*" {
                return (0...path.count).contains {
                    isMatch(pattern.dropFirst(), path.dropFirst($0))
                }
            }
            return path.first == first && isMatch(pattern.dropFirst(), path.dropFirst())
        }
        var matches = 0
        for _ in 0..<20_000 {
            func word(_ letters: String, _ length: ClosedRange<Int>) -> String {
                String(
                    (0..<Int.random(in: length, using: &random)).map { _ in
                        letters.randomElement(using: &random)!
                    })
            }
            let pattern = "/" + word("ab*", 0...7) + (Bool.random(using: &random) ? "$" : "")
            let path = "/" + word("ab", 0...9)
            let isMatching = Array(pattern.utf8).withUnsafeBufferPointer { pattern in
                Array(path.utf8).withUnsafeBufferPointer { RobotsPath.matches(pattern, $0) }
            }
            #expect(isMatching == isMatch(pattern[...], path[...]), "\(pattern) \(path)")
            if isMatching { matches += 1 }
        }
        #expect((2000...18_000).contains(matches))
    }

    @Test func rules_areAsked_byTheirOctets() {
        let file = RobotsFile(
            Array(
                "User-agent: a\nAllow: /%E3%83%84\nDisallow: /abcde\nDisallow: /abc\nDisallow: /abc\nAllow: /abc\n"
                    .utf8),
            for: "a")
        // An encoded octet is one.
        #expect(
            (0..<file.rules.count).map { file.rules[$0].line } == [
                "Disallow: /abcde", "Allow: /%E3%83%84", "Allow: /abc", "Disallow: /abc",
            ])
        #expect(file.rules.rule(for: "/abcdef".utf8)?.line == "Disallow: /abcde")
        #expect(file.rules.rule(for: "/abcd".utf8)?.line == "Allow: /abc")
        #expect(file.rules.rule(for: "/x".utf8) == nil)
    }

    @Test func robotsTxt_isAllowed_whateverIsDisallowed() {
        let rules = RobotsFile(Array("User-agent: *\nDisallow: /".utf8), for: "a").rules
        #expect(rules.allows("/robots.txt".utf8) && !rules.allows("/robots.txt?a".utf8))
    }

    @Test func originsThatAllowAll_takeNoMemoryOfTheirOwn() {
        let rules = RobotsFile(
            Array("User-agent: *\nDisallow:\nAllow: /a\nAllow: /b\n".utf8), for: "a"
        ).rules
        #expect(rules == .allowingAll && rules.allowsAll && rules.byteCount == 0)
        let few = RobotsFile(Array("User-agent: *\nDisallow: /ab\nAllow: /c\n".utf8), for: "a")
            .rules
        #expect(few.byteCount == 64 + 5 + 8)
    }

    @Test(arguments: [
        ("runner/0.1.0 (+https://example.com)", "runner"), ("MJ12bot", "MJ12bot"), ("", "runner"),
        ("ia_archiver-web.archive.org", "ia_archiver-web"), ("(odd)", "runner"),
    ])
    func theToken_isTheFirstWordOfTheUserAgent(userAgent: String, token: String) {
        #expect(RobotsOptions(userAgent: userAgent).agent == token)
    }
}
