import JobStore
import TestSupport
import Testing

@testable import Runner

/// A run whose queue goes out of reach between attaching and the first request.
struct BeginningTests {
    private let folder = Folder()

    private func end(
        of lease: SampleLease, stallMax: Duration, stop: StopSwitch = StopSwitch()
    ) async throws -> Crawl.Ending {
        let queue = try SQLiteQueue(path: folder.file("runner.db"), access: .create)
        var options = CrawlOptions()
        options.workers = 2
        options.stallMax = stallMax
        let crawl = try Crawl(queue: queue, options: options, stop: stop)
        var stay = Crawl.Stay(limits: nil)
        let parts = try crawl.wire(lease, stay, nil, nil, seesFailures: false)
        let ending = try await crawl.supervise(parts, &stay, nil)
        await queue.close()
        return ending
    }

    @Test func aRunThatBegins_waits_forAQueueOutOfReach() async throws {
        let lease = SampleLease(outages: 3)
        let ending = try await end(of: lease, stallMax: .seconds(60))
        guard case .finished = ending else {
            Issue.record("\(ending)")
            return
        }
        #expect(await lease.outages == 0)
    }

    @Test func aRunThatBegins_andIsStopped_endsAsStopped() async throws {
        let stop = StopSwitch()
        stop.request()
        let ending = try await end(
            of: SampleLease(outages: .max), stallMax: .seconds(60), stop: stop)
        guard case .stopped = ending else {
            Issue.record("\(ending)")
            return
        }
    }

    @Test func aRunThatBegins_waitsNoLongerThanItMay() async throws {
        let error = await #expect(throws: QueueError.self) {
            try await end(of: SampleLease(outages: .max), stallMax: .milliseconds(20))
        }
        #expect(error?.code == .unreachable)
    }
}
