import JobStore
import TestServer
import TestSupport
import Testing

@testable import Runner

/// Each fault of an origin ends as docs/STATES.md says, in as many attempts as it says.
@Suite(.serialized) struct FaultTests {
    /// What a path of the test origin does, and how a job that meets it ends.
    struct Fault: Sendable, CustomTestStringConvertible {
        let path: String
        let label: String
        let state: Outcome.State
        /// Requests the origin sees for each ID, with `--retries 2`; `nil`: not counted there.
        let hits: Int?

        init(_ path: String, _ label: String, _ state: Outcome.State, hits: Int?) {
            self.path = path
            self.label = label
            self.state = state
            self.hits = hits
        }

        var testDescription: String { path }
    }

    static let faults: [Fault] = [
        Fault("", "200", .completed, hits: 1),
        Fault("status/201", "201", .completed, hits: 1),
        Fault("status/204", "204", .completed, hits: 1),
        Fault("status/300", "300", .failed, hits: 1),
        Fault("status/304", "304", .failed, hits: 1),
        Fault("status/400", "400", .failed, hits: 1),
        // Once more where it is not known yet that there are no others: access may be denied to all.
        Fault("status/403", "403", .failed, hits: nil),
        Fault("status/404", "404", .failed, hits: 1),
        Fault("status/410", "410", .failed, hits: 1),
        Fault("status/408", "408", .failed, hits: 3),
        Fault("status/425", "425", .failed, hits: 3),
        Fault("status/429", "429", .failed, hits: 3),
        Fault("status/500", "500", .failed, hits: 3),
        Fault("status/503", "503", .failed, hits: 3),
        Fault("status/599", "599", .failed, hits: 3),
        Fault("flaky/2/500", "200", .completed, hits: 2),
        Fault("flaky/3/429", "200", .completed, hits: 3),
        Fault("flaky/4/503", "503", .failed, hits: 3),
        Fault("flaky-reset/3", "200", .completed, hits: 3),
        Fault("delay/50", "200", .completed, hits: 1),
        Fault("body/100000", "200", .completed, hits: 1),
        Fault("body/300000", "too_large", .failed, hits: 1),
        Fault("chunked/100000", "200", .completed, hits: 1),
        Fault("chunked/300000", "too_large", .failed, hits: 1),
        Fault("gzip/100000", "200", .completed, hits: 1),
        Fault("gzip/50000000", "too_large", .failed, hits: 1),
        Fault("endless", "too_large", .failed, hits: 1),
        Fault("redirect/3", "200", .completed, hits: 1),
        Fault("redirect/4", "redirects", .failed, hits: nil),
        Fault("redirect-loop", "redirects", .failed, hits: nil),
        Fault("redirect-to/file%3A%2F%2F%2Fetc%2Fpasswd", "redirects", .failed, hits: 1),
        Fault("redirect-to/ftp%3A%2F%2F127.0.0.1%2Fx", "redirects", .failed, hits: 1),
        Fault("redirect-to/http%3A%2F%2F127.0.0.1%3A1%2F", "connect", .failed, hits: 3),
        Fault("slow-headers/1000", "timeout", .failed, hits: 3),
        Fault("slow-body/300/100", "timeout", .failed, hits: 3),
        Fault("silent", "timeout", .failed, hits: 3),
        Fault("long-length", "timeout", .failed, hits: 3),
        Fault("short-length", "200", .completed, hits: 1),
        Fault("cut-body", "reset", .failed, hits: 3),
        Fault("cut-chunked", "reset", .failed, hits: 3),
        Fault("bad-chunk", "bad_response", .failed, hits: 3),
        Fault("bad-gzip", "bad_response", .failed, hits: 3),
        Fault("bad-status-line", "bad_response", .failed, hits: 3),
        Fault("negative-length", "bad_response", .failed, hits: 3),
        // libcurl 7.88 believes the later of two lengths, and waits for what does not come.
        Fault("two-lengths", "timeout", .failed, hits: 3),
        Fault("nul-header", "bad_response", .failed, hits: 3),
        Fault("endless-headers", "too_large", .failed, hits: 1),
        Fault("reset/request", "reset", .failed, hits: nil),
        Fault("reset/status", "reset", .failed, hits: nil),
        Fault("reset/headers", "reset", .failed, hits: 3),
        Fault("reset/body", "reset", .failed, hits: 3),
        Fault("close", "reset", .failed, hits: nil),
        Fault("close-idle", "200", .completed, hits: nil),
        Fault("escape", "200", .completed, hits: 1),
        Fault("big-header/50", "200", .completed, hits: 1),
    ]

    private var crawl: TestCrawl {
        var crawl = TestCrawl()
        crawl.options.fetch.bodyBytesMax = 200_000
        crawl.options.fetch.redirectsMax = 3
        return crawl
    }

    @Test(arguments: faults)
    func eachFaultEndsAsItShould(fault: Fault) async throws {
        let origin = try await Origin.start()
        var crawl = crawl
        // Slow machines: what is answered must not time out.
        if fault.label != "timeout" { crawl.options.fetch.timeout = .seconds(10) }
        let counts = try await crawl.fetch(
            ["\(origin.url)/\(fault.path)/{id}".replacing("//{id}", with: "/{id}")], count: 3)
        #expect(counts.outcomes == [.init(label: fault.label, state: fault.state, count: 3)])
        if let hits = fault.hits {
            #expect((0..<3).map { origin.hits(of: $0) } == [hits, hits, hits])
        }
        await origin.stop()
    }

    /// All faults at once, between healthy jobs, on few workers and connections.
    @Test func noFaultDisturbsAnother() async throws {
        let origin = try await Origin.start(threads: 2)
        var urls: [String] = []
        for fault in Self.faults {
            urls.append(
                fault.path.isEmpty ? "\(origin.url)/{id}" : "\(origin.url)/\(fault.path)/{id}")
            urls.append("\(origin.url)/{id}")
        }
        let each = 4
        var crawl = crawl
        crawl.options.workers = 40
        // Slow machines: what is healthy must not time out.
        crawl.options.fetch.timeout = .seconds(2)
        let counts = try await crawl.fetch(urls, count: each)
        var expected: [String: Int] = ["200": Self.faults.count * each]
        for fault in Self.faults { expected[fault.label, default: 0] += each }
        var found: [String: Int] = [:]
        for group in counts.outcomes { found[group.label, default: 0] += group.count }
        #expect(found == expected)
        #expect(counts.left == 0)
        // Healthy jobs: asked once each.
        for index in Self.faults.indices {
            let first = (2 * index + 1) * each
            #expect((first..<first + each).allSatisfy { origin.hits(of: $0) == 1 })
        }
        await origin.stop()
    }

    @Test(arguments: ["1", "Wed, 21 Oct 2099 07:28:00 GMT"])
    func retryAfterIsHonoured(value: String) async throws {
        let origin = try await Origin.start()
        let encoded = value.replacing(" ", with: "%20").replacing(",", with: "%2C").replacing(
            ":", with: "%3A")
        var crawl = TestCrawl()
        crawl.options.retryAfterMax = .milliseconds(1000)
        let start = ContinuousClock.now
        let counts = try await crawl.fetch(
            ["\(origin.url)/retry-after/\(encoded)/2/503/{id}"], count: 5)
        #expect(counts.completed == 5)
        #expect(ContinuousClock.now - start >= .milliseconds(990))
        #expect(origin.summary().requests == 10)
        await origin.stop()
    }

    @Test func aHostThatRefuses_endsInConnect_whenFewJobsAskIt() async throws {
        let origin = try await Origin.start()
        await origin.stop()
        let counts = try await crawl.fetch(["\(origin.url)/{id}"], count: 3)
        #expect(counts.outcomes == [.init(label: "connect", state: .failed, count: 3)])
    }

    @Test func aHostThatNeverOpensItsConnections_endsInConnect_afterTheConnectTimeout() async throws
    {
        let listener = FullListener()
        var crawl = crawl
        crawl.options.retries = 0
        crawl.options.fetch.connectTimeout = .milliseconds(300)
        crawl.options.fetch.timeout = .seconds(30)
        let start = ContinuousClock.now
        let counts = try await crawl.fetch(["http://127.0.0.1:\(listener.port)/{id}"], count: 3)
        let took = ContinuousClock.now - start
        #expect(counts.outcomes == [.init(label: "connect", state: .failed, count: 3)])
        #expect(took >= .milliseconds(300) && took < .seconds(10))
    }

    /// After a few answers on one connection libcurl is told no connect timeout: the loop keeps it.
    @Test func aRedirectToSuchAHost_endsInConnect_afterTheConnectTimeout() async throws {
        let listener = FullListener()
        let origin = try await Origin.start()
        var crawl = crawl
        crawl.options.workers = 1
        crawl.options.retries = 0
        crawl.options.fetch.connectTimeout = .milliseconds(300)
        crawl.options.fetch.timeout = .seconds(30)
        let target = "http%3A%2F%2F127.0.0.1%3A\(listener.port)%2F"
        let start = ContinuousClock.now
        let counts = try await crawl.fetch(
            ["\(origin.url)/redirect-from/5/\(target)/{id}"], count: 6)
        let took = ContinuousClock.now - start
        #expect(counts.completed == 5 && counts.failed == 1)
        #expect(counts.outcomes.contains(.init(label: "connect", state: .failed, count: 1)))
        #expect(took >= .milliseconds(300) && took < .seconds(10))
        await origin.stop()
    }

    @Test func aNameThatDoesNotResolve_endsInDNS() async throws {
        let counts = try await crawl.fetch(["http://name.invalid/{id}"], count: 3)
        #expect(counts.outcomes == [.init(label: "dns", state: .failed, count: 3)])
    }

    @Test func aURLThatIsNone_endsInBadURL() async throws {
        let counts = try await crawl.fetch(["http://127.0.0.1:9999{id}/"], count: 3)
        #expect(counts.outcomes == [.init(label: "bad_url", state: .failed, count: 3)])
    }

    @Test func plainHTTPOnAnHTTPSPort_endsInTLS() async throws {
        let origin = try await Origin.start()
        let counts = try await crawl.fetch(["https://127.0.0.1:\(origin.port)/{id}"], count: 3)
        #expect(counts.outcomes == [.init(label: "tls", state: .failed, count: 3)])
        await origin.stop()
    }

    @Test func manyWorkersShareAFewJobs() async throws {
        let origin = try await Origin.start()
        var crawl = TestCrawl()
        crawl.options.workers = 500
        let counts = try await crawl.fetch(["\(origin.url)/{id}"], count: 7)
        #expect(counts.completed == 7 && origin.summary().requests == 7)
        await origin.stop()
    }

    @Test func oneWorkerDoesThemAll() async throws {
        let origin = try await Origin.start()
        var crawl = TestCrawl()
        crawl.options.workers = 1
        let counts = try await crawl.fetch(["\(origin.url)/{id}"], count: 5000)
        #expect(counts.completed == 5000 && origin.summary().requests == 5000)
        await origin.stop()
    }
}
