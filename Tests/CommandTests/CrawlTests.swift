import Foundation
import TestSupport
import Testing

/// A polite crawl of many sites, as docs/recipes/crawl.md has it, with what stops a crawl and what
/// sites do to one.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CrawlTests {
    private let program = Program()
    private static let sites = 1...50
    private static let delay = 0.2

    /// The home page of each site and the sitemaps that its robots.txt names.
    private func seeds(of origin: CrawlOrigin) async throws -> [String] {
        struct Robots: Decodable { let sitemaps: [String] }
        var seeds: [String] = []
        for number in Self.sites {
            let home = "http://\(origin.site(number))/"
            seeds.append(home)
            // The last one would never say.
            guard number != Self.sites.upperBound else { continue }
            let told = try await program.runner("robots", home, "--json", "-x", origin.url)
            let robots = try JSONDecoder().decode(Robots.self, from: Data(told.out.utf8))
            seeds += robots.sitemaps.isEmpty ? [home + "sitemap.xml"] : robots.sitemaps
        }
        return seeds
    }

    private func arguments(_ server: NameServer) -> [String] {
        [
            "run", "--follow-links", "--follow-sitemaps", "--scope", "host", "--depth", "3",
            "--robots", "--contact", "https://crawler.example.org", "--per-host", "1", "--delay",
            "\(Self.delay)", "--workers", "200", "--output", "pages", "--max-time", "2",
            "--retries", "1", "--retry-delay", "0.1", "--dns-servers", server.address, "--http",
            "0", "-q",
        ]
    }

    @Test func fiftySites_areCrawledPolitely_whateverStopsTheRun() async throws {
        var random = SeededGenerator(seed: testSeed(for: "fiftySites_areCrawledPolitely"))
        let origin = try await CrawlOrigin("--mute")
        let server = try NameServer()
        let seeds = try await seeds(of: origin).map { $0 + "\n" }.joined()
        write(Array(seeds.utf8), to: program.folder.file("seeds.txt"))
        try await program.runner("enqueue", "seeds.txt", "--unique").expectSuccess()
        let askedBefore = try origin.log().requests.count

        let first = try program.start("runner", arguments(server))
        try await wait(first, forMore: Int.random(in: 100...500, using: &random))
        try await expectFigures(of: first)
        first.kill(SIGINT)
        #expect(await first.wait().status == 11)
        try await program.expectSoundQueue()

        let second = try program.start("runner", arguments(server))
        try await wait(second, forMore: Int.random(in: 100...500, using: &random))
        second.kill(SIGKILL)
        #expect(await second.wait().signal == SIGKILL)
        try await program.expectSoundQueue()
        // What it had in flight is no business of the next.
        try await second.wait { try origin.log().now == 0 }

        let last = try await program.start("runner", arguments(server)).wait()
        #expect(last.status == 1, "what robots.txt closes has failed: \(last.out)\(last.err)")
        try await program.expectSoundQueue()
        try await program.expectVerified()
        try expectPages(of: origin)
        try expectPoliteness(of: origin, askedBefore: askedBefore)
    }

    private func wait(_ run: Program.Running, forMore count: Int) async throws {
        let before = try await program.status().jobs.completed
        try await run.wait { try await program.status().jobs.completed >= before + count }
    }

    /// Each page in scope once, as deep as it is, and no other.
    private func expectPages(of origin: CrawlOrigin) throws {
        struct Line: Decodable {
            let url: String
            let depth: Int?
        }
        var depths: [String: [Int]] = [:]
        for (name, bytes) in try program.files(in: "pages") where name.hasSuffix(".jsonl") {
            for text in bytes.split(separator: UInt8(ascii: "\n")) {
                let line = try JSONDecoder().decode(Line.self, from: Data(text))
                depths[String(line.url.dropFirst("http://".count)), default: []].append(
                    line.depth ?? 0)
            }
        }
        let expected = try origin.expected(depth: 3)
        #expect(expected.count > 1200)
        let wrong = Set(expected.keys).union(depths.keys).filter {
            depths[$0] != expected[$0].map { [$0] }
        }
        #expect(wrong.isEmpty, "\(wrong.sorted().prefix(5).map { ($0, depths[$0], expected[$0]) })")
    }

    private func expectPoliteness(of origin: CrawlOrigin, askedBefore: Int) throws {
        let log = try origin.log()
        let asked = log.requests.dropFirst(askedBefore)
        let sites = asked.filter { $0.host.hasPrefix("site-") }
        // Only where a page of a site has moved there.
        #expect(
            asked.allSatisfy { $0.host.hasPrefix("site-") || $0.path == "/landed" },
            "\(asked.first { !$0.host.hasPrefix("site-") && $0.path != "/landed" }!)")
        let closed = sites.filter { $0.path.hasPrefix("/closed/") && !$0.host.hasSuffix("0.test") }
        #expect(closed.isEmpty, "\(closed)")
        #expect(!sites.contains { $0.path == "/hidden" }, "X-Robots-Tag says not to")
        #expect(log.most.filter { $0.key.hasPrefix("site-") && $0.value > 1 }.isEmpty)
        for (host, asked) in Dictionary(grouping: sites, by: \.host) {
            let files = asked.filter { $0.path == "/robots.txt" }.count
            guard host != "site-50.test" else { continue }
            #expect(files == 1, "\(host)")
            // Half of a delay at least between two, but for those of two runs.
            let times = asked.filter { $0.path != "/robots.txt" }.map(\.seconds).sorted()
            let delay = host.hasSuffix("3.test") ? 0.4 : Self.delay
            let least = delay / 2 * Double(times.count - 3) - 0.2
            #expect(times[times.count - 1] - times[0] >= least, "\(host)")
        }
        let pages = sites.filter { $0.path != "/robots.txt" }
        let repeated = pages.count - Set(pages.map { $0.host + $0.path }).count
        print(pages.count, "requests,", repeated, "repeated")
        #expect(repeated <= 200)
    }

    // MARK: - Views

    /// The page, the metrics and the status tell what was found so far.
    private func expectFigures(of run: Program.Running) async throws {
        try await run.wait { run.err.contains("/#") }
        let link = try #require(run.err.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\/#(\w+)/))
        let port = try #require(Int(link.1))
        let ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        func count(_ result: String) throws -> Int {
            let metrics = try #require(httpAsk(port: port, ask))
            let name = "runner_found_requests_total{result=\"\(result)\"} "
            // There is none before the run has its first figures.
            guard let line = metrics.firstRange(of: name) else { return 0 }
            return Int(metrics[line.upperBound...].prefix { $0.isNumber }) ?? 0
        }
        // Figures are up to a second old.
        for result in ["added", "known", "nofollow"] {
            try await run.wait { try count(result) > 0 }
        }
        let state = firstEvent(port: port, token: String(link.2))
        #expect(state.firstMatch(of: /"followed":\{"added":[1-9]/) != nil, "\(state)")
        struct Status: Decodable {
            struct Run: Decodable {
                struct Followed: Decodable {
                    let added: Int
                    let depth: Int
                }
                let followed: Followed
            }
            let run: Run
        }
        let status = try await program.runner("status", "--json")
        let told = try JSONDecoder().decode(Status.self, from: Data(status.out.utf8))
        #expect(told.run.followed.added > 0 && 0...3 ~= told.run.followed.depth)
        let text = try await program.runner("status").out
        #expect(text.contains(" of the jobs known so far done"), "\(text)")
        #expect(text.contains("followed: "), "\(text)")
    }

    /// The first state that the page gets.
    private func firstEvent(port: Int, token: String) -> String {
        guard let descriptor = connectedSocket(port: port) else { return "no connection" }
        defer { close(descriptor) }
        let request = Array(
            "GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n".utf8
        )
        guard Glibc.write(descriptor, request, request.count) == request.count else { return "" }
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65536)
        while text.count(where: { $0 == "\n" }) == 0 || !text.contains("}\n\n") {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return text
    }
}
