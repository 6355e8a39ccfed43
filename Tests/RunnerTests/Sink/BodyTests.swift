import TestSupport
import Testing

@testable import Runner

@Suite struct BodyTests {
    @Test(arguments: [0, 1, 4096, 4097, 100_000, 262_144, 262_145, 700_000])
    func forEachPiece_givesWhatCame_fromMemoryOrSpool(length: Int) throws {
        let bench = try SinkBench()
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        for size in [1000, 16_384, 300_000] {
            let body = try bench.capture(body: bytes, inPiecesOf: size).body
            #expect(body.isInMemory == (length <= Body.memoryBytesMax))
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
        #expect(capture.head.isEmpty && capture.finalURL.isEmpty && capture.remoteIP.isEmpty)
        #expect(!capture.isCut && capture.httpVersion == .none && capture.durationMicros == 0)
    }

    @Test func head_isThatOfTheLastResponse_withoutTrailers() throws {
        let capture = try SinkBench().capture(
            head: """
                HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                HTTP/1.1 200 OK\r\nA: 1\r\n\r\nTrailer: 2\r\n
                """)
        #expect(String(decoding: capture.head, as: UTF8.self) == "HTTP/1.1 200 OK\r\nA: 1\r\n")
    }

    @Test func head_staysWhole_whateverItsFieldsAreCalled() throws {
        let head = "HTTP/1.1 200 OK\r\nX: a\r\nHTTP/evil: b\r\nY: c\r\n"
        let capture = try SinkBench().capture(head: head + "\r\nHTTP/evil: trailer\r\n")
        #expect(String(decoding: capture.head, as: UTF8.self) == head)
        let body = try SinkBench().capture(head: head + "\r\n", body: [65])
        _ = Array("HTTP/1.1: trailer\r\n".utf8).withUnsafeBytes { body.append(line: $0) }
        #expect(String(decoding: body.head, as: UTF8.self) == head)
    }

    @Test func head_countsIntoTheBudget_whenItIsLarge() throws {
        let bench = try SinkBench(budget: 100_000)
        let capture = Capture(bench.limits)
        let line = Array(("X: " + String(repeating: "x", count: 89_995) + "\r\n").utf8)
        _ = line.withUnsafeBytes { capture.append(line: $0) }
        #expect(!bench.budget.take(50_000))
        capture.reset()
        #expect(bench.budget.take(100_000))
    }

    @Test func head_isBounded() throws {
        let capture = Capture(try SinkBench().limits)
        let line = Array(("X: " + String(repeating: "x", count: 99_995) + "\r\n").utf8)
        let taken = (0..<4).map { _ in line.withUnsafeBytes { capture.append(line: $0) } }
        #expect(taken == [true, true, true, false])
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

private func read(_ body: Body) -> [UInt8] {
    var bytes: [UInt8] = []
    try? body.forEachPiece(
        { (piece) throws(Errno) in bytes.append(contentsOf: piece) }, spoolFailed: { $0 })
    return bytes
}
