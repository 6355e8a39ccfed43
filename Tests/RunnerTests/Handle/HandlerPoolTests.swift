import Dispatch
import JobStore
import Synchronization
import TestSupport
import Testing

@testable import Runner

@Suite(.timeLimit(.minutes(1))) struct HandlerPoolTests {
    /// Blocks its thread for responses to jobs above 1000, until the gate is opened.
    private final class Blocking: ResponseHandler {
        let concurrency = 4
        let timeLimit = Duration.seconds(60)
        let gate = DispatchSemaphore(value: 0)

        func handle(_ record: Record) async throws -> Handled {
            if record.id > 1000 { gate.wait() }
            return Handled()
        }
    }

    /// Hands over responses, all of a burst at once, as a loop does at the end of its turn.
    private final class Bursts: Sendable {
        private let pool: HandlerPool
        private let count = Mutex(0)

        init(_ pool: HandlerPool) { self.pool = pool }

        var answered: Int { count.withLock { $0 } }

        func handle(_ records: [Record]) async {
            let items = Items(records.count)
            await withTaskGroup(of: Void.self) { group in
                for record in records {
                    group.addTask { [self] in
                        _ = await withUnsafeContinuation { worker in
                            let all = items.add(HandlerPool.Item(record: record, worker: worker))
                            if !all.isEmpty { pool.add(all) }
                        }
                        count.withLock { $0 += 1 }
                    }
                }
            }
        }
    }

    private final class Items: Sendable {
        private let items = Mutex<[HandlerPool.Item]>([])
        private let wanted: Int

        init(_ wanted: Int) { self.wanted = wanted }

        /// - Returns: All of them, once they are there.
        func add(_ item: HandlerPool.Item) -> [HandlerPool.Item] {
            items.withLock { items in
                items.append(item)
                return items.count == wanted ? items : []
            }
        }
    }

    /// Where calls were short, responses wait in line for one place: when one blocks its thread all the
    /// same, other places take them.
    @Test func aCallThatBlocksAfterShortOnes_holdsUpNobody() async throws {
        let bench = try HandlerBench()
        let handler = Blocking()
        let pool = try HandlerPool(handler) { error in Issue.record("\(error)") }
        let bursts = Bursts(pool)
        let places = Task { await pool.run() }
        var total = 0
        for round in 1...5 {
            for id in 0..<50 { await bursts.handle([try bench.record(id)]) }
            let records = try [bench.record(1000 + round)] + (0..<31).map { try bench.record($0) }
            let batch = Task { await bursts.handle(records) }
            let deadline = ContinuousClock.now + .seconds(20)
            while bursts.answered < total + 50 + 31, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(1))
            }
            #expect(bursts.answered == total + 50 + 31, "round \(round)")
            handler.gate.signal()
            await batch.value
            total += 50 + 32
        }
        pool.close()
        await places.value
    }
}
