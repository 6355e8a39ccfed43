import Foundation
import JobStore
import Synchronization
import TestServer
import TestSupport
import Testing

@testable import Runner

/// Looking names up holds no event loop up: what else it has to do goes on.
/// `RUNNER_TEST_STAND_STILL=1` has all behaviours of name servers, and watches longer.
@Suite(.serialized, .timeLimit(.minutes(2))) struct StandStillTests {
    private static let isLong =
        ProcessInfo.processInfo.environment["RUNNER_TEST_STAND_STILL"] != nil
    static let behaviours =
        ["k", "servfail", "tc", "many-200", "cname-loop", "garbage", "silent", "slow-200"]
        + (isLong
            ? [
                "nx", "nodata", "refused", "tc-only", "cname-3", "empty", "wrong-id", "silent.for6",
                "each",
            ] : [])

    /// Workers whose names are all looked up in the same moment.
    private static let workers = 400

    @Test(arguments: behaviours)
    func noLoopStandsStill_whateverNamesAreLookedUp(behaviour: String) async throws {
        let server = try NameServer()
        let origin = try await Origin.start()
        let watchdog = try await watch(
            servers: [server.address], count: 2 * Self.workers,
            url: "http://\(behaviour).k{id}.test:\(origin.port)/{id}",
            seconds: Self.isLong ? 3 : 1)
        watchdog.report(behaviour)
        #expect(watchdog.longest.standStill < .milliseconds(50), "\(behaviour)")
        await origin.stop()
    }

    @Test func noLoopStandsStill_whereServersAreDead() async throws {
        let server = try NameServer("--as", "slow-200")
        let holes = (0..<3).map { _ in BlackHole() }
        let origin = try await Origin.start()
        let watchdog = try await watch(
            servers: holes.map(\.address) + [server.address], count: 2 * Self.workers,
            url: "http://k{id}.test:\(origin.port)/{id}", seconds: Self.isLong ? 8 : 4)
        watchdog.report("three dead servers")
        #expect(watchdog.longest.standStill < .milliseconds(50))
        await origin.stop()
    }

    /// All wait for the same name, and give up in the same moment.
    @Test func noLoopStandsStill_whenThousandsGiveUpOneName() async throws {
        let hole = BlackHole()
        let watchdog = try await watch(
            servers: [hole.address], count: 4000, workers: 4000,
            url: "http://one.test:1/{id}", seconds: 3, connectTimeout: .seconds(1))
        watchdog.report("4,000 workers, one name")
        #expect(watchdog.longest.standStill < .milliseconds(100))
    }

    /// Runs a queue of names for so long, and another of addresses beside it.
    private func watch(
        servers: [String], count: Int, workers: Int = Self.workers, url: String, seconds: Int,
        connectTimeout: Duration = .seconds(5)
    ) async throws -> Watchdog {
        let folder = Folder()
        let queue = try SQLiteQueue(path: folder.file("runner.db"), access: .create)
        _ = try await queue.enqueue(
            JobRange(first: 0, count: count), request: RequestTemplate(parsing: url))
        var options = CrawlOptions()
        options.workers = workers
        options.retries = 2
        options.fetch.connectTimeout = connectTimeout
        options.fetch.nameServers = servers.joined(separator: ",")
        let stop = StopSwitch()
        let crawl = try Crawl(queue: queue, options: options, stop: stop)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: workers))
        var stay = Crawl.Stay(limits: nil)
        let parts = try crawl.wire(lease, stay, nil, nil, seesFailures: false)
        let watchdog = Watchdog(parts.loops.loops)
        let end = Task {
            try? await Task.sleep(for: .seconds(seconds))
            stop.request()
            stop.request()
        }
        _ = try await crawl.supervise(parts, &stay, nil)
        watchdog.end()
        end.cancel()
        try await lease.detach()
        await queue.close()
        return watchdog
    }
}

/// Looks every 5 ms whether event loops run what is posted to them.
///
/// What a loop's thread waits for a core, which is the machine's doing, does not count: the kernel
/// says how long that was.
private final class Watchdog: Sendable {
    struct Look {
        /// From the errand's posting to its being run, without the wait for a core.
        var standStill = Duration.zero
        /// How much of it the loop computed; the rest it was blocked.
        var computed = Duration.zero
    }

    private struct State {
        var longest = Look()
        var looks = 0
        var hasEnded = false
    }

    private let state = Locked(State())
    private let isOver = DispatchSemaphore(value: 0)

    init(_ loops: [EventLoop]) {
        let watcher = Thread { [self] in
            let threads = loops.map { thread(of: $0) }
            while !state.withLock({ $0.hasEnded }) {
                for (loop, thread) in zip(loops, threads) where thread > 0 {
                    look(at: loop, thread)
                }
                usleep(5000)
            }
            isOver.signal()
        }
        watcher.start()
    }

    private final class Number: Sendable { let value = Atomic(0) }

    /// The kernel's number of a loop's thread.
    private func thread(of loop: EventLoop) -> Int {
        let number = Number()
        let isRun = DispatchSemaphore(value: 0)
        loop.post {
            // "<process>/task/<thread>"
            let text = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/thread-self")
            let last = text?.split(separator: "/").last.flatMap { Int($0) } ?? 0
            number.value.store(last, ordering: .relaxed)
            isRun.signal()
        }
        _ = isRun.wait(timeout: .now() + 10)
        return number.value.load(ordering: .relaxed)
    }

    private func look(at loop: EventLoop, _ thread: Int) {
        let posted = ContinuousClock.now
        let before = KernelTimes(of: thread)
        let isRun = DispatchSemaphore(value: 0)
        loop.post { [self] in
            let late = ContinuousClock.now - posted
            let after = KernelTimes(of: thread)
            let look = Look(
                standStill: late - (after.waited - before.waited),
                computed: after.computed - before.computed)
            state.withLock { state in
                state.looks += 1
                if look.standStill > state.longest.standStill { state.longest = look }
            }
            isRun.signal()
        }
        // A loop that ends runs no more errands.
        _ = isRun.wait(timeout: .now() + 5)
    }

    func end() {
        state.withLock { $0.hasEnded = true }
        isOver.wait()
    }

    var longest: Look { state.withLock { $0.longest } }

    func report(_ what: String) {
        state.withLock { state in
            print(
                "longest stand-still, \(what): \(state.longest.standStill) of which",
                "\(state.longest.computed) computing; \(state.looks) looks")
        }
    }
}

/// What the kernel knows of a thread of this process.
private struct KernelTimes {
    let computed: Duration
    /// Able to run, and without a core.
    let waited: Duration

    init(of thread: Int) {
        let text = String(
            decoding: contents(of: "/proc/self/task/\(thread)/schedstat"), as: UTF8.self)
        let numbers = text.split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        computed = .nanoseconds(numbers.first ?? 0)
        waited = .nanoseconds(numbers.count > 1 ? numbers[1] : 0)
    }
}
