import Dispatch
import Foundation
import JobStore
import Runner
import Stores
import Synchronization
import TestServer
import TestSupport
import Testing

/// Runs with handlers of responses. Nothing here is imported with more than public access.
@Suite struct HandlerTests {
    private let folder = Folder()

    private struct Line: Decodable {
        struct Place: Decodable {
            let batch: Int
            let id: Int
        }
        struct Made: Decodable { let title: String }
        let id: Int
        let batch: Int
        let url: String
        let state: String
        let outcome: String
        let error: String?
        let records: [Made]?
        let foundOn: Place?
        let depth: Int?

        private enum CodingKeys: String, CodingKey {
            case id, batch, url, state, outcome, error, records, depth
            case foundOn = "found_on"
        }
    }

    private func lines(_ output: String) throws -> [Line] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file(output))
        return try names.filter { $0.hasSuffix(".jsonl") }.flatMap { name in
            try contents(of: folder.file("\(output)/\(name)")).split(separator: 10).map {
                try JSONDecoder().decode(Line.self, from: Data($0))
            }
        }
    }

    @Test func aSite_isFollowed_eachPageOnce() async throws {
        let origin = try await Origin.start()
        let pages = 2000
        let site = "\(origin.url)/site/7.\(pages)"
        let counts = try await crawlSite("\(site)/0", into: folder.path)
        #expect(counts.left == 0)
        let lines = try lines("pages")
        // The seed, which has a query, is another request than page 0.
        let fetched = Dictionary(grouping: lines) { $0.url.split(separator: "?")[0] }
        #expect(fetched.count == pages)
        #expect(lines.count == pages + 1 && fetched["\(site)/0"]?.count == 2)
        for line in lines {
            let number = try #require(line.url.split(separator: "/").last?.split(separator: "?")[0])
            #expect(line.records?.map(\.title) == ["Page \(number)"], "\(line)")
        }
        // Where a page was found is told, and how deep it lies.
        let byJob = Dictionary(
            uniqueKeysWithValues: lines.map { ["\($0.batch)/\($0.id)", $0] }
                .map { ($0[0] as! String, $0[1] as! Line) })
        for line in lines where line.batch != 1 {
            let place = try #require(line.foundOn)
            let parent = try #require(byJob["\(place.batch)/\(place.id)"])
            #expect(line.depth == (parent.depth ?? 0) + 1)
        }
        // Once more: nothing is left.
        let before = origin.summary().requests
        let again = try await crawlSite("\(site)/0", into: folder.path)
        #expect(again.total == counts.total && origin.summary().requests == before)
        let queue = try openQueue(at: folder.file("site.db"))
        #expect(try await queue.verify() == [])
        let report = try await OutputAudit(ledger: queue).run()
        #expect(report.isSound, "\(report.faults)")
        await queue.close()
        await origin.stop()
    }

    private final class Closure: ResponseHandler {
        let concurrency: Int
        let timeLimit: Duration
        let body: @Sendable (Record) async throws -> Handled

        init(
            _ concurrency: Int = 4, timeLimit: Duration = .seconds(60),
            _ body: @escaping @Sendable (Record) async throws -> Handled
        ) {
            (self.concurrency, self.timeLimit, self.body) = (concurrency, timeLimit, body)
        }

        func handle(_ record: Record) async throws -> Handled { try await body(record) }
    }

    /// Tells at once what is to be made of responses to jobs of even IDs.
    private final class AtOnce: ResponseHandler {
        let concurrency = 1
        let timeLimit = Duration.seconds(60)
        let later = Mutex<[Int]>([])

        func handledAtOnce(_ record: Record) -> Handled? {
            guard record.id % 2 == 0 else { return nil }
            var handled = Handled(record.id % 4 == 0 ? .done : .failed("gone: since May"))
            handled.add(json: "{\"title\":\"\(record.id)\"}".utf8)
            return handled
        }

        func handle(_ record: Record) async throws -> Handled {
            later.withLock { $0.append(record.id) }
            return Handled()
        }
    }

    private func run(
        _ jobs: Int, _ url: String, _ handler: any ResponseHandler, retries: Int = 1,
        _ change: (inout CrawlOptions) -> Void = { _ in }
    ) async throws -> QueueCounts {
        let queue = try openQueue(at: folder.file("runner.db"), makesMissing: true)
        do {
            if try await queue.counts().total == 0 {
                _ = try await queue.enqueue(
                    JobRange(first: 0, count: jobs), request: RequestTemplate(parsing: url))
            }
            var options = CrawlOptions()
            options.workers = 20
            options.retries = retries
            options.retryDelay = .milliseconds(10)
            change(&options)
            var output = OutputOptions()
            output.folder = folder.file("out")
            output.keepsFailures = true
            let crawl = try Crawl(queue: queue, options: options, handler: handler)
            _ = try await crawl.run(to: .files(output))
            let counts = try await queue.counts()
            #expect(try await queue.verify() == [])
            let report = try await OutputAudit(ledger: queue).run()
            #expect(report.isSound, "\(report.faults)")
            await queue.close()
            return counts
        } catch {
            await queue.close()
            throw error
        }
    }

    @Test func verdicts_decide() async throws {
        let origin = try await Origin.start()
        let tries = Mutex<[Int: Int]>([:])
        let counts = try await run(
            40, "\(origin.url)/body/10/{id}",
            Closure { record in
                let attempt = tries.withLock { tries in
                    tries[record.id, default: 0] += 1
                    return tries[record.id]!
                }
                switch record.id % 4 {
                case 0: return Handled()
                case 1: return Handled(.failed("no price on it"))
                case 2: return Handled(attempt == 1 ? .retry(after: .milliseconds(5)) : .done)
                default: throw HandlerError("it is broken")
                }
            })
        #expect(counts.completed == 20 && counts.failed == 20)
        #expect(
            tries.withLock { tries in (0..<40).allSatisfy { tries[$0] == ($0 % 4 < 2 ? 1 : 2) } })
        for line in try lines("out") where line.state == "failed" {
            #expect(line.outcome == "handler")
            #expect(line.error == (line.id % 4 == 1 ? "no price on it" : "it is broken"))
        }
        await origin.stop()
    }

    @Test func whatIsToldAtOnce_needsNoPlace_andCountsTheSame() async throws {
        let origin = try await Origin.start()
        let handler = AtOnce()
        let counts = try await run(400, "\(origin.url)/body/10/{id}", handler)
        #expect(counts.completed == 300 && counts.failed == 100)
        #expect(handler.later.withLock { $0.sorted() } == Array(stride(from: 1, to: 400, by: 2)))
        for line in try lines("out") {
            let titles = line.id % 4 == 0 ? ["\(line.id)"] : line.id % 4 == 2 ? nil : []
            #expect(line.records?.map(\.title) == titles, "\(line)")
            #expect(line.outcome == (line.id % 4 == 2 ? "handler:gone" : "200"))
            #expect(line.error == (line.id % 4 == 2 ? "gone: since May" : nil))
        }
        await origin.stop()
    }

    /// A name that the reason is, or begins with, is part of the outcome: the first few names.
    @Test func reasonsWithNames_areOutcomes() async throws {
        let origin = try await Origin.start()
        let reasons = ["sold_out", "blocked: by the shop", "Not A Name", "no:name", ""]
        let handler = Closure { Handled(.failed(reasons[$0.id % 5])) }
        var counts = try await run(50, "\(origin.url)/body/10/{id}", handler)
        #expect(
            Set(counts.outcomes.map { "\($0.label) \($0.count)" })
                == ["handler:sold_out 10", "handler:blocked 10", "handler 30"])
        // Sixteen in all, those that the queue has counted among them; what they are called is the
        // handler's affair, as long as it is short.
        let queue = try openQueue(at: folder.file("runner.db"))
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 40),
            request: RequestTemplate(parsing: "\(origin.url)/body/11/{id}"))
        await queue.close()
        counts = try await run(
            0, "",
            Closure {
                Handled(.failed($0.id < 20 ? "name-\($0.id)" : String(repeating: "x", count: 25)))
            })
        #expect(counts.outcomes.count == 17 && counts.failed == 90, "\(counts.outcomes)")
        #expect(counts.outcomes.first { $0.label == "handler" }?.count == 30 + 20 + 6)
        await origin.stop()
    }

    /// Calls may block their threads, all that there are.
    @Test func callsThatBlockTheirThread_holdUpNobody() async throws {
        let origin = try await Origin.start()
        let cores = MachineLimits.cores
        let gate = DispatchSemaphore(value: 0)
        let counts = try await run(
            400, "\(origin.url)/body/10/{id}",
            Closure(cores + 1, timeLimit: .milliseconds(200)) { record in
                if record.id < cores { Self.wait(for: gate) }
                return Handled()
            }, retries: 0)
        for _ in 0..<cores { gate.signal() }
        #expect(counts.completed == 400 - cores && counts.failed == cores)
        await origin.stop()
    }

    /// A response that is handled for long keeps no job but its own: others are handed out when workers
    /// ask.
    @Test func whileAHandlerIsSlow_othersGetAllJobs() async throws {
        let origin = try await Origin.start()
        let handled = Atomic(0)
        let counts = try await run(
            60, "\(origin.url)/body/10/{id}",
            Closure(4, timeLimit: .seconds(20)) { record in
                if record.id == 10 {
                    while handled.load(ordering: .relaxed) < 59 {
                        try await Task.sleep(for: .milliseconds(2))
                    }
                }
                handled.add(1, ordering: .relaxed)
                return Handled()
            }, retries: 0
        ) { options in
            // A worker on each loop.
            (options.workers, options.loops) = (2, 2)
        }
        #expect(counts.completed == 60, "\(counts)")
        await origin.stop()
    }

    private static func wait(for gate: DispatchSemaphore) { gate.wait() }

    /// Responses that would not complete their job are not for the handler.
    @Test func onlyGoodResponses_areHandled() async throws {
        let origin = try await Origin.start()
        let seen = Atomic(0)
        let counts = try await run(
            10, "\(origin.url)/status/404/{id}",
            Closure { _ in
                seen.add(1, ordering: .relaxed)
                return Handled()
            })
        #expect(counts.failed == 10 && seen.load(ordering: .relaxed) == 0)
        await origin.stop()
    }

    @Test func aCallThatHangs_costsItsJobAnAttempt_andNoPlace() async throws {
        let origin = try await Origin.start()
        let counts = try await run(
            200, "\(origin.url)/body/10/{id}",
            Closure(2, timeLimit: .milliseconds(300)) { record in
                guard record.id == 7 else { return Handled() }
                // Deaf to being cancelled.
                await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
                return Handled()
            }, retries: 0)
        #expect(counts.completed == 199 && counts.failed == 1)
        let failed = try lines("out").filter { $0.state == "failed" }
        #expect(failed.map(\.id) == [7] && failed[0].error?.contains("took longer") == true)
        await origin.stop()
    }

    @Test func whereAllCallsHang_theRunEnds_andLosesNothing() async throws {
        let origin = try await Origin.start()
        let error = await #expect(throws: HandlerError.self) {
            _ = try await run(
                200, "\(origin.url)/body/10/{id}",
                Closure(2, timeLimit: .milliseconds(100)) { _ in
                    await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
                    return Handled()
                }, retries: 9)
        }
        #expect(error?.effect == .run)
        let counts = try await run(0, "", Closure { _ in Handled() })
        #expect(counts.completed == 200)
        await origin.stop()
    }

    @Test func aHandlerThatFollows_whereNothingIsFollowed_endsTheRun() async throws {
        let origin = try await Origin.start()
        let follows = Closure { _ in Handled(follow: [FollowRequest("next")]) }
        await #expect(throws: HandlerError.self) {
            _ = try await run(5, "\(origin.url)/body/10/{id}", follows)
        }
        await origin.stop()
    }

    @Test func bounds_areKept() async throws {
        let origin = try await Origin.start()
        let counts = try await run(
            3, "\(origin.url)/body/10/{id}",
            Closure { record in
                var url: [UInt8] = []
                record.appendURL(to: &url)
                let number = record.depth * 1000 + 100 * record.id
                return Handled(
                    follow: [
                        FollowRequest("\(number + 1000)"), FollowRequest("http://other.invalid/1"),
                        FollowRequest("mailto:a@b"), FollowRequest("http://[::1"),
                        FollowRequest("x/\(number)", headers: [("A", "b\r\nC: d")]),
                    ])
            }
        ) { options in
            options.follow = FollowOptions()
            options.follow?.depthMax = 3
        }
        // Three seeds, and three levels below each.
        #expect(counts.completed == 12, "\(counts)")
        await origin.stop()
    }

    /// What a request of one's own carries arrives, and comes with the record.
    @Test func requestsOfTheirOwn_areMade() async throws {
        let origin = try await Origin.start()
        let methods = Mutex<[String]>([])
        let counts = try await run(
            1, "\(origin.url)/body/10/{id}",
            Closure { record in
                methods.withLock { $0.append("\(record.method) \(record.key ?? "-")") }
                var meta: [UInt8] = []
                record.appendMeta(to: &meta)
                #expect(String(decoding: meta, as: UTF8.self) == (record.depth > 0 ? "[1]" : ""))
                guard record.depth == 0 else { return Handled() }
                let request = FollowRequest(
                    "/body/20/77", method: .post, headers: [("Content-Type", "text/plain")],
                    body: Array("hello".utf8), key: "k1", meta: Array("[1]".utf8))
                return Handled(follow: [request, request])
            }
        ) { $0.follow = FollowOptions() }
        #expect(counts.completed == 2)
        #expect(methods.withLock { $0.sorted() } == ["GET -", "POST k1"])
        await origin.stop()
    }
}
