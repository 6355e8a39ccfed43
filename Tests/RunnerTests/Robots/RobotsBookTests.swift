import JobStore
import Testing

@testable import Runner

/// Rules of origins in bounded memory, and the other small parts of the gate.
@Suite struct RobotsBookTests {
    private func origin(_ number: Int) -> HostKey {
        HostKey(scheme: "http", name: "h\(number).example", port: "")
    }

    private let some = RobotsFile(Array("User-agent: *\nDisallow: /x".utf8), for: "a").rules

    @Test func rules_runOut() {
        var book = RobotsBook()
        book.add(some, for: origin(1), lifetime: .seconds(10), at: .at(ms: 0))
        book.add(.allowingAll, for: origin(2), lifetime: nil, at: .at(ms: 0))
        #expect(book.rules(of: origin(1), at: .at(ms: 9_999)) == some)
        #expect(book.rules(of: origin(1), at: .at(ms: 10_000)) == nil)
        #expect(book.rules(of: origin(2), at: .at(ms: 1 << 40)) == .allowingAll)
        #expect(book.rules(of: origin(3), at: .at(ms: 0)) == nil)
    }

    @Test func thoseAskedForLast_stay_andTheOthersGo() {
        var book = RobotsBook(limits: .init(countMax: 100))
        for number in 0..<1000 {
            book.add(some, for: origin(number), lifetime: nil, at: .at(ms: 0))
            #expect(book.rules(of: origin(0), at: .at(ms: 0)) == some)
            #expect(book.count <= 200)
        }
        #expect(book.rules(of: origin(999), at: .at(ms: 0)) == some)
        #expect(book.rules(of: origin(500), at: .at(ms: 0)) == nil)
    }

    @Test func largeRules_countByTheirBytes() {
        let lines = (0..<100).map { "Disallow: /\($0)\n" }.joined()
        let large = RobotsFile(Array("User-agent: *\n\(lines)".utf8), for: "a").rules
        var book = RobotsBook(limits: .init(byteMax: 10 * large.byteCount))
        for number in 0..<100 {
            book.add(large, for: origin(number), lifetime: nil, at: .at(ms: 0))
        }
        #expect((10...20).contains(book.count))
        // The same one again takes no more.
        for _ in 0..<100 { book.add(large, for: origin(99), lifetime: nil, at: .at(ms: 0)) }
        #expect(book.rules(of: origin(98), at: .at(ms: 0)) == large)
    }

    @Test func records_areKept_atOnce_andThenASecondLater() {
        func record(_ number: Int) -> RobotsRecord {
            RobotsRecord(origin: "\(number)", status: 200, body: [], lifetime: .seconds(1))
        }
        var book = RobotsBook(limits: .init(unkeptMax: 2))
        #expect(!book.isKeepDue(at: .at(ms: 0)))
        book.add(record(1))
        #expect(book.isKeepDue(at: .at(ms: 0)))
        #expect(book.takeUnkept(at: .at(ms: 0)) == [record(1)])
        for number in 2...4 { book.add(record(number)) }
        #expect(!book.isKeepDue(at: .at(ms: 999)) && book.isKeepDue(at: .at(ms: 1000)))
        #expect(book.takeUnkept(at: .at(ms: 1000)) == [record(2), record(3)])
    }

    @Test(arguments: [
        (nil, 86_400), ("max-age=0", 3600), ("public, MAX-AGE = \"7200\"", 7200),
        ("no-cache, no-store", 86_400), ("max-age=99999999999999999999", 86_400),
        ("max-age=864000", 86_400), ("s-maxage=5, max-age=4000", 4000), ("max-age=x", 86_400),
        ("max-age=-1", 86_400),
    ])
    func aFile_counts_forAnHourToADay(cacheControl: String?, seconds: Int) {
        #expect(RobotsLifetime.of(cacheControl: cacheControl) == .seconds(seconds))
    }

    @Test(arguments: [
        "localhost", "a.localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]",
        "[::]", "10.1.2.3", "172.16.0.1", "172.31.9.9", "192.168.0.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "[fe80::1]", "[fe80::1%25eth0]", "[fd00::1]", "[fc00::1]",
        "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]",
    ])
    func namesOfPrivateNetworks(name: String) { #expect(LocalNames.contain(name)) }

    @Test(
        arguments: [
            "example.com", "localhost.example", "8.8.8.8", "172.15.0.1", "172.32.0.1",
            "192.169.0.1", "100.128.0.1", "11.0.0.1", "[2001:db8::1]", "[::ffff:8.8.8.8]",
            "10.example", "1e3.example",
        ])
    func namesOfOthers(name: String) { #expect(!LocalNames.contain(name)) }

    @Test func theCrawlDelay_comesWithTheReport_ofItsHost() {
        var report = TurnReport()
        var response = Response(status: 200)
        report.add(response, of: .sample(0))
        #expect(report.hosts[0].crawlDelayMicros == 0)
        response.crawlDelayMicros = 2_500_000
        report.add(response, of: .sample(0))
        report.add(Response(status: 404), of: .sample(0))
        #expect(report.hosts[0].crawlDelayMicros == 2_500_000)
        // Of many hosts, it is one host's.
        let many = RequestChunk(.sample(id: 2, url: "http://{id}.example/"), .sample)
        report.add(response, of: Job(chunk: many, position: 0, attempt: 1))
        #expect(report.hosts[1].crawlDelayMicros == 0)
    }

    @Test func aDisallowedJob_isNoAnswer_andNoFailureOfItsHost() {
        var report = TurnReport()
        report.add(Response(failure: .reason(.robots)), of: .sample(0))
        #expect(report.hosts[0].ended == 1 && report.hosts[0].answered == 0)
        #expect(report.hosts[0].unreachable == 0 && !report.isAnswered)
        var random = SystemRandomNumberGenerator()
        let verdict = Judge().verdict(
            on: Response(failure: .reason(.robots)), of: .sample(0), isTripped: true,
            at: .at(ms: 0), using: &random)
        #expect(verdict == .outcome(Outcome(.failed, .robots), wait: .zero))
    }
}
