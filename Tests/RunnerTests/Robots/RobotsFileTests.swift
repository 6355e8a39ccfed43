import TestSupport
import Testing

@testable import Runner

/// Files of robots.txt as they come: broken, large, and in odd encodings.
@Suite struct RobotsFileTests {
    private func file(_ text: String, for agent: String = "foo") -> RobotsFile {
        RobotsFile(Array(text.utf8), for: agent)
    }

    // MARK: - Kept files

    /// Encoded, a byte takes three: what was just within the bounds is beyond them then.
    @Test func rules_areKeptWhole_thoughTheirNormalFormIsLonger() {
        let long = "/" + String(repeating: "\u{E9}", count: 8000)
        let many = (0..<25).map { "Disallow: \(long)\($0)\n" }.joined() + "Disallow: /b\n"
        for text in [many, "Disallow: \(long)$\nDisallow: /b\n"] {
            let rules = file("User-agent: foo\n" + text).rules
            let kept = RobotsFile.text(of: rules, for: "foo")
            // Not expected as such: they would be printed.
            let isKept = RobotsFile(kept: kept, for: "foo").rules == rules
            let isWithinBounds = RobotsFile(kept, for: "foo").rules == rules
            #expect(rules.count > 1 && isKept && !isWithinBounds)
        }
    }

    // MARK: - Lines

    /// As Google's `ID_UTF8ByteOrderMarkIsSkipped` has it.
    @Test(arguments: [
        ([0xEF, 0xBB, 0xBF] as [UInt8], true), ([0xEF, 0xBB], true), ([0xEF], true),
        ([0xEF, 0x11, 0xBF], false), ([0xBB], false),
    ])
    func aByteOrderMark_isSkipped_atTheBeginning(mark: [UInt8], isSkipped: Bool) {
        let text = mark + Array("User-Agent: foo\nDisallow: /x\n".utf8)
        #expect(RobotsFile(text, for: "foo").rules.allows("/x".utf8) == !isSkipped)
    }

    @Test func aByteOrderMark_amongTheLines_spoilsItsLine() {
        let text = Array("User-Agent: foo\nDisallow: /y\n".utf8) + [0xEF, 0xBB, 0xBF]
        let file = RobotsFile(text + Array("Disallow: /x\n".utf8), for: "foo")
        #expect(file.rules.allows("/x".utf8) && !file.rules.allows("/y".utf8))
    }

    /// As Google's `ID_LinesNumbersAreCountedCorrectly` has it, told by the rules.
    @Test func lineEnds_mayBeMixed() {
        let rules = file("User-Agent: foo\nAllow: /some/path\r\nUser-Agent: bar\n\r\n\nDisallow: /")
        #expect(rules.rules.allows("/some".utf8))
        let bar = file(
            "User-Agent: foo\nAllow: /some/path\r\nUser-Agent: bar\n\r\n\nDisallow: /", for: "bar")
        #expect(!bar.rules.allows("/some/path".utf8))
    }

    /// As Google's `GoogleOnly_LineTooLong` has it.
    @Test func aLongLine_isCut() {
        let max = 8 * 2083
        let long = "/x/" + String(repeating: "a", count: max - 15)
        let rules = file("user-agent: foo\ndisallow: \(long)/qux\n").rules
        #expect(rules.allows("/fux".utf8))
        #expect(!rules.allows("\(long)/fux".utf8))
        #expect(rules.allows("\(long.dropLast())b".utf8))
        let (a, b) = (
            "/x/" + String(repeating: "a", count: max - 12),
            "/x/" + String(repeating: "b", count: max - 12)
        )
        let both = file("user-agent: foo\ndisallow: /\nallow: \(a)/qux\nallow: \(b)/qux\n").rules
        #expect(!both.allows("/".utf8))
        #expect(both.allows("\(a)/qux".utf8) && both.allows("\(b)/fux".utf8))
    }

    @Test func whatIsBeyond500KB_isIgnored_andSoIsALineThatIsCut() {
        let head = "User-agent: foo\nDisallow: /first\n"
        func padded(to count: Int) -> String {
            head + String(repeating: "#", count: count - head.utf8.count - 1) + "\n"
        }
        let limit = RobotsFile.bytesMax
        #expect(limit == 512_000)
        let whole = file(padded(to: limit - 14) + "Disallow: /ab\n").rules
        #expect(!whole.allows("/ab".utf8) && !whole.allows("/first".utf8))
        let cut = file(padded(to: limit - 12) + "Disallow: /abc\nDisallow: /c\n").rules
        #expect(cut.allows("/abc".utf8) && cut.allows("/c".utf8) && !cut.allows("/first".utf8))
        #expect(file(String(repeating: "x", count: limit + 1)).rules.allowsAll)
    }

    @Test func anyBytes_areRead_withoutHarm() {
        var random = SeededGenerator(seed: testSeed(for: "robotsBytes"))
        let words = [
            "User-agent:", "Disallow:", "Allow:", "Crawl-delay:", "Sitemap:", " ", "*", "$", "/",
            "%", "%2", "%e3", "foo", "\r", "\n", "\n", "#", "\u{0}", "é", "?", "1.5",
        ].map { Array($0.utf8) }
        for _ in 0..<3000 {
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                text += words.randomElement(using: &random) ?? []
                if Int.random(in: 0..<8, using: &random) == 0 {
                    text.append(.random(in: 0...255, using: &random))
                }
            }
            let rules = RobotsFile(text, for: "foo").rules
            let again = RobotsFile(RobotsFile.text(of: rules, for: "foo"), for: "foo").rules
            #expect(again == rules, "\(text)")
            #expect(rules.allows("/robots.txt".utf8))
        }
    }

    // MARK: - Other lines

    @Test(arguments: [
        ("10", 10_000_000), ("0.5", 500_000), ("15 # slow", 15_000_000), ("61", 60_000_000),
        ("1e3", 0), ("-1", 0), ("random_word", 0), ("", 0), (".", 0), ("1.2.3", 0), ("nan", 0),
        ("99999999999999999999999999", 60_000_000), ("0.0000001", 0), ("0.000001", 1),
    ])
    func crawlDelay_isANumberOfSeconds_aMinuteAtMost(value: String, micros: Int) {
        let rules = file("User-agent: *\nDisallow: /x\nCrawl-delay: \(value)").rules
        #expect(rules.crawlDelayMicros == micros)
        let kept = RobotsFile(RobotsFile.text(of: rules, for: "foo"), for: "foo").rules
        #expect(kept == rules)
    }

    /// As Protego's `test_crawl_delay` and `test_no_leading_user_agent` have it.
    @Test func crawlDelay_isThatOfTheGroup() {
        let text = """
            Crawl-delay: 5.2
            User-agent: *
            Disallow: /disallowed
            Crawl-delay: 10
            User-agent: foo
            Crawl-delay: 15
            User-agent: bar
            Disallow:
            """
        #expect(file(text, for: "foo").rules.crawlDelayMicros == 15_000_000)
        #expect(file(text, for: "bar").rules.crawlDelayMicros == 0)
        #expect(file(text, for: "other").rules.crawlDelayMicros == 10_000_000)
        #expect(file("Crawl-delay: 5.2", for: "foo").rules.crawlDelayMicros == 0)
        // Of two, the longer one.
        #expect(
            file("User-agent: foo\nCrawl-delay: 2\nCrawl-delay: 1").rules.crawlDelayMicros
                == 2_000_000)
    }

    /// As Google's `ID_NonStandardLineExample_Sitemap` and Protego's tests of sitemaps have it.
    @Test func sitemaps_areListed_wherever() {
        let text = """
            Sitemap: https://a.example/1.xml
            User-agent: foo
            Site-map: https://a.example/2.xml # the second
            Disallow: /
            SITEMAP:https://a.example/3.xml
            """
        #expect(
            file(text, for: "bar").sitemaps == [1, 2, 3].map { "https://a.example/\($0).xml" })
        #expect(file("User-agent: *\nDisallow: /").sitemaps.isEmpty)
    }

    @Test func theGroup_isTold() {
        let text = "User-agent: * \nDisallow: /\nUser-agent: Foo/2.1\nAllow: /\n"
        #expect(file(text, for: "foo").group == .ofAgent)
        #expect(file(text, for: "bar").group == .ofAll)
        #expect(file("User-agent: foo2\nDisallow: /").group == .none)
    }
}
