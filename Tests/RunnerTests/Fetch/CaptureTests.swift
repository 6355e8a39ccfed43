import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct CaptureTests {
    @Test(arguments: [0, 1, 4096, 4097, 100_000, 262_144, 262_145, 700_000])
    func forEachPiece_givesWhatCame_fromMemoryOrSpool(length: Int) throws {
        let bench = try SinkBench()
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        for size in [1000, 16_384, 300_000] {
            let body = try bench.capture(body: bytes, inPiecesOf: size).body
            #expect(body.isInMemory == (length <= SpoolableBytes.memoryBytesMax))
            #expect(body.count == length && read(body) == bytes)
        }
        #expect(bench.budget.take(1 << 20), "all of the budget was given back")
    }

    @Test func append_spools_whenTheBudgetIsUsedUp_andGivesBackWhatItTook() throws {
        let bench = try SinkBench(budget: 50_000)
        let bytes = [UInt8](repeating: 7, count: 30_000)
        let first = try bench.capture(body: bytes)
        let second = try bench.capture(body: bytes)
        #expect(first.body.isInMemory && !second.body.isInMemory)
        #expect(read(second.body) == bytes)
        first.reset()
        let third = try bench.capture(body: bytes)
        #expect(third.body.isInMemory)
        // However little is left, a worker has its own few bytes.
        #expect(try bench.capture(body: [UInt8](repeating: 1, count: 4096)).body.isInMemory)
    }

    @Test func reset_leavesNothingOfTheLastResponse() throws {
        let bench = try SinkBench()
        let capture = try bench.capture(
            body: [UInt8](repeating: 7, count: 300_000), finalURL: "http://x/")
        capture.isCut = true
        capture.reset()
        #expect(capture.body.count == 0 && read(capture.body) == [])
        #expect(
            capture.head.count == 0 && !capture.isRedirected && capture.finalURL.isEmpty
                && capture.remoteIP.isEmpty)
        #expect(!capture.isCut && capture.httpVersion == .none && capture.durationMicros == 0)
    }

    @Test func head_countsIntoTheBudget_andGoesToTheSpool_asABodyDoes() throws {
        let bench = try SinkBench(budget: 100_000)
        let capture = Capture(bench.storage)
        let line = Array(("X: " + String(repeating: "x", count: 59_995) + "\r\n").utf8)
        try line.withUnsafeBytes { try capture.append(head: $0) }
        #expect(!bench.budget.take(50_000) && capture.isInMemory)
        try line.withUnsafeBytes { try capture.append(head: $0) }
        #expect(!capture.isInMemory && capture.count == 120_000)
        #expect(read(capture.head) == line + line)
        #expect(bench.budget.take(100_000))
    }

    @Test(arguments: [false, true])
    func follow_goesOnWithAnEmptyResponse_andKeepsTheOneBeforeWhereItIsArchived(
        isArchived: Bool
    ) throws {
        let capture = try SinkBench().capture(head: "HTTP/1.1 302 Found\r\n\r\n", body: [1, 2])
        capture.follow(
            from: Array("http://a/".utf8), status: 302, isArchived: isArchived, atMicros: 5)
        #expect(capture.isRedirected && capture.head.count == 0 && capture.body.count == 0)
        let hop = try #require(capture.hops.first)
        #expect(hop.status == 302 && hop.url == Array("http://a/".utf8))
        #expect((hop.response != nil) == isArchived)
        #expect(hop.response.map { read($0.body) } == (isArchived ? [1, 2] : nil))
        #expect(capture.count == (hop.response?.count ?? 0))
        capture.reset()
        #expect(!capture.isRedirected && capture.count == 0)
    }

    /// What threads of a run do: slots are given out once, and come back.
    @Test func spool_givesEachSlotToOne() async throws {
        let bench = try SinkBench(budget: 0)
        await withTaskGroup(of: Bool.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for round in 0..<20 {
                        let bytes = [UInt8](repeating: UInt8(worker * 20 + round), count: 300_000)
                        guard let capture = try? bench.capture(body: bytes),
                            read(capture.body) == bytes
                        else { return false }
                    }
                    return true
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}

private func read(_ stored: SpoolableBytes) -> [UInt8] {
    var bytes: [UInt8] = []
    try? stored.forEachPiece(
        { (piece) throws(Errno) in bytes.append(contentsOf: piece) }, spoolFailed: { $0 })
    return bytes
}
