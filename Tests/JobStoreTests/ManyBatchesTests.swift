import Glibc
import JobStore
import TestQueue
import TestSupport
import Testing

/// Queues of very many batches of one job: what a job costs does not grow with them.
///
/// `.build/release/queue-maker` measures the same by hand at any size.
@Suite(.serialized) struct ManyBatchesTests {
    private let folder = Folder()

    private func queue(of batches: Int) async throws -> (SQLiteQueue, any RunnerLease) {
        let path = folder.file("\(batches).db")
        try await ManyBatches.add(batches, to: path)
        let queue = try SQLiteQueue(path: path, access: .write)
        return (queue, try await queue.attach(RunnerDescription(pid: 1, workers: 1)))
    }

    /// Each claim is a transaction, which waits for the disk.
    @Test func claim_isMadeForThousandsOfBatches() async throws {
        let (queue, lease) = try await queue(of: 10_000)
        var counts: [Int] = []
        while case let segments = try await lease.claim(jobs: 8192).segments, !segments.isEmpty {
            counts.append(segments.count)
        }
        #expect(counts == [4096, 4096, 1808])
        await queue.close()
    }

    @Test func aJobCostsTheSame_howeverManyBatchesThereAre() async throws {
        func processorTime(of batches: Int) async throws -> Double {
            let (queue, lease) = try await queue(of: batches)
            let start = clock()
            _ = try await ManyBatches.drain(lease)
            let drained = clock()
            #expect(try await queue.counts().left == 0 + batches / 100)
            await queue.close()
            return Double(drained - start) / Double(batches)
        }
        _ = try await processorTime(of: 1000)  // what is done once
        let (few, many) = (
            try await processorTime(of: 2000), try await processorTime(of: 16_000)
        )
        #expect(many < 3 * few, "\(few) µs a job of 2,000 batches, \(many) µs of 16,000")
    }
}
