import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct FilesCollectorTests {
    private let bench: SinkBench

    init() throws { bench = try SinkBench() }

    private func collector(
        _ renderer: any RecordRenderer = JSONLinesRenderer(keepsBodies: true),
        hasBodyFiles: Bool = false
    ) -> FilesCollector {
        FilesCollector(
            renderer, hasBodyFiles: hasBodyFiles, keepsFailures: false, budget: bench.budget)
    }

    @Test func collect_givesTheCaptureBack_onceItIsRendered() throws {
        let collector = collector()
        let capture = try bench.capture(body: [65])
        #expect(collector.collect(bench.record(.sample(17), .ok, capture)) === capture)
        let deposit = collector.take()
        #expect(deposit.records == 1 && deposit.whole.isEmpty && deposit.size > 0)
        #expect(collector.size == 0 && collector.take().size == 0)
    }

    @Test func collect_keepsTheCapture_ofALargeResponse() throws {
        let collector = collector()
        let capture = try bench.capture(body: [UInt8](repeating: 65, count: 100_000))
        #expect(collector.collect(bench.record(.sample(17), .ok, capture)) == nil)
        #expect(collector.size >= 100_000)
        let deposit = collector.take()
        #expect(deposit.records == 0 && deposit.whole.first?.capture === capture)
    }

    @Test func collect_givesTheCaptureBack_ofAJobThatFailed_andNotesItsFile() throws {
        let collector = collector(hasBodyFiles: true)
        let capture = try bench.capture()
        let record = bench.record(.sample(17), Outcome(.failed, status: 404), capture)
        #expect(collector.collect(record) === capture)
        let deposit = collector.take()
        #expect(deposit.size == 0 && deposit.withoutBody == [record.bodyOfCompleted])
    }

    /// The writer meets the error again, and ends the run with it.
    @Test func collect_leavesARecordToTheWriter_thatCannotBeRendered() throws {
        let collector = collector(BrokenRenderer())
        #expect(collector.collect(bench.record(.sample(17), .ok, try bench.capture())) == nil)
        let deposit = collector.take()
        #expect(deposit.records == 0 && deposit.bytes == [] && deposit.whole.count == 1)
    }
}

private final class BrokenRenderer: RecordRenderer {
    func render(
        _ record: Record, into bytes: inout [UInt8],
        makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) {
        bytes += [1, 2, 3]
        throw SinkError(.io, "this cannot be rendered")
    }
}
