import Dispatch
import Glibc
import JobStore
import Synchronization
import Testing

@testable import Runner

/// A loop is its workers' executor: wherever they wait, they come back to its thread.
@Suite(.timeLimit(.minutes(1))) struct EventLoopTests {
    @Test func tasks_comeBackToTheirLoopsThread_fromAnyWait_thousandsOfTimes() async throws {
        let loops = try (0..<2).map { _ in try startedLoop() }
        defer { for loop in loops { loop.stop() } }
        let elsewhere = Elsewhere()
        let threads = try await withThrowingTaskGroup(of: pthread_t.self) { group in
            for number in 0..<16 {
                group.addTask(executorPreference: loops[number % 2]) {
                    try await wander(elsewhere, seed: number)
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(threads.count == 2)
        #expect(await elsewhere.visits == 16 * 500)
    }

    /// Waits in all the ways there are, and expects to be on the same thread after each.
    ///
    /// - Returns: That thread.
    private func wander(_ elsewhere: Elsewhere, seed: Int) async throws -> pthread_t {
        let home = pthread_self()
        var strays: [String: Int] = [:]
        func check(_ wait: String) {
            if pthread_self() != home { strays[wait, default: 0] += 1 }
        }
        for round in 0..<500 {
            await elsewhere.visit()
            check("an actor's method")
            let foreign = await resumedElsewhere()
            check("a continuation resumed on another thread")
            if foreign == home { strays["the other thread is ours", default: 0] += 1 }
            await Task.yield()
            check("Task.yield")
            if (round + seed) % 4 == 0 {
                try await Task.sleep(for: .microseconds(1))
                check("Task.sleep")
            }
            async let child = pthread_self()
            if await child != home { strays["in a child task", default: 0] += 1 }
            check("a child task")
        }
        #expect(strays == [:])
        return home
    }

    private func resumedElsewhere() async -> pthread_t {
        await withUnsafeContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: pthread_self()) }
        }
    }

    /// Runs on the shared pool.
    private actor Elsewhere {
        private(set) var visits = 0
        func visit() { visits += 1 }
    }

    @Test func enqueue_runsTasks_thatCameBeforeTheThread() async throws {
        let loop = try EventLoop(shards: 1)
        async let thread = withTaskExecutorPreference(loop) { pthread_self() }
        try loop.start()
        #expect(await thread != pthread_self())
        loop.stop()
    }

    @Test func wake_tellsTheClient_onTheLoopsThread() async throws {
        let client = Client()
        let loop = try startedLoop(client)
        let home = await withTaskExecutorPreference(loop) { pthread_self() }
        for _ in 0..<1000 {
            loop.wake()
            await client.isWoken.wait(untilMicros: nil)
        }
        #expect(client.threads == [home])
        loop.stop()
    }

    @Test func turnEnds_afterEachTaskThatRan() async throws {
        let client = Client()
        let loop = try startedLoop(client)
        for _ in 0..<100 {
            let before = await withTaskExecutorPreference(loop) { client.turns }
            loop.wake()
            await client.isWoken.wait(untilMicros: nil)
            #expect(client.turns > before)
        }
        loop.stop()
    }

    /// What the first of them are told is to be known before the last of them go on.
    @Test func workers_goOnADozenAtATime_howeverManyEndAtOnce() async throws {
        let client = Client()
        let loop = try startedLoop(client)
        // Nobody listens there.
        let chunk = RequestChunk(.sample(url: "http://127.0.0.1:1/{id}"), HostTable())
        await withDiscardingTaskGroup { group in
            for position in 0..<100 {
                group.addTask(executorPreference: loop) {
                    let transfer = loop.makeTransfer(inShard: 0)
                    let response = await transfer.fetch(
                        Job(chunk: chunk, position: position, attempt: 1))
                    #expect(response.failure == .reason(.connect))
                    transfer.close()
                }
            }
        }
        #expect(client.resumed.reduce(0, +) == 100)
        #expect(client.resumed.allSatisfy { $0 <= 12 }, "\(client.resumed)")
        loop.stop()
    }

    /// Each connection leaves something behind in libcurl before 8.10.
    @Test func multiHandles_areRenewed_whileOthersTakeTheirRequests() async throws {
        let loop = try startedLoop()
        let chunk = RequestChunk(.sample(url: "http://127.0.0.1:1/{id}"), HostTable())
        await withDiscardingTaskGroup { group in
            for number in 0..<50 {
                group.addTask(executorPreference: loop) {
                    let transfer = loop.makeTransfer(inShard: number)
                    for position in 0..<60 {
                        let response = await transfer.fetch(
                            Job(chunk: chunk, position: position, attempt: 1))
                        #expect(response.failure == .reason(.connect))
                    }
                    transfer.close()
                }
            }
        }
        let connections = await withTaskExecutorPreference(loop) {
            loop.shards.map(\.connections).reduce(0, +)
        }
        let most = 2 * Shard.connectionsMax + 50
        #expect(CurlVersion.keepsHosts ? connections <= most : connections == 3000)
        loop.stop()
    }

    @Test func stop_endsTheThread_andFreesTheLoop() async throws {
        let (ended, loop) = try await stoppedLoop()
        for await _ in ended {}
        #expect(loop.value == nil)
    }

    private struct Weak: @unchecked Sendable {
        // @unchecked holds because it is written once, before it is shared.
        weak var value: EventLoop?
    }

    /// A loop that has worked and been told to stop, and what ends with its thread.
    private func stoppedLoop() async throws -> (AsyncStream<Never>, Weak) {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        let loop = try startedLoop()
        await withTaskExecutorPreference(loop) { ThreadEnd.finish(continuation) }
        loop.stop()
        return (stream, Weak(value: loop))
    }

    private func startedLoop(_ client: Client? = nil) throws -> EventLoop {
        let loop = try EventLoop(shards: 2, client: client)
        try loop.start()
        return loop
    }

    private final class Client: EventLoopClient {
        private let state = Locked<(threads: Set<pthread_t>, turns: Int, resumed: [Int])>(
            ([], 0, []))
        let isWoken = Doorbell()

        func willResume(_ workers: Int, at now: Now) {
            state.withLock { $0.resumed.append(workers) }
        }
        func turnEnds() { state.withLock { $0.turns += 1 } }
        func woken() {
            let thread = pthread_self()
            state.withLock { _ = $0.threads.insert(thread) }
            isWoken.ring()
        }

        var threads: Set<pthread_t> { state.withLock { $0.threads } }
        var turns: Int { state.withLock { $0.turns } }
        /// The numbers of workers that were to go on at a time.
        var resumed: [Int] { state.withLock { $0.resumed } }
    }

    /// Finishes a stream when the thread that asked for it ends.
    private enum ThreadEnd {
        private final class Box {
            let continuation: AsyncStream<Never>.Continuation
            init(_ continuation: AsyncStream<Never>.Continuation) {
                self.continuation = continuation
            }
        }

        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            // Called on the ending thread, after its function has returned.
            pthread_key_create(&key) { box in
                guard let box else { return }
                Unmanaged<Box>.fromOpaque(box).takeRetainedValue().continuation.finish()
            }
            return key
        }()

        static func finish(_ continuation: AsyncStream<Never>.Continuation) {
            // Retained until the thread's destructors run.
            pthread_setspecific(key, Unmanaged.passRetained(Box(continuation)).toOpaque())
        }
    }
}
