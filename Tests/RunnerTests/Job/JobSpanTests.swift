import Testing

@testable import Runner

@Suite struct JobSpanTests {
    @Test func split_takesOffTheFront_upToAll() {
        var run = JobSpan.sample(5..<15, attempt: 3)
        let front = run.split(4)
        #expect((front.first, front.count, front.attempt) == (5, 4, 3))
        #expect((run.first, run.count, run.attempt) == (9, 6, 3))
        let rest = run.split(.max)
        #expect((rest.first, rest.count) == (9, 6))
        #expect((run.first, run.count) == (15, 0))
    }

    @Test func popFirst_givesEachJobOnce_inOrder() {
        var run = JobSpan.sample(5..<8, attempt: 2)
        let jobs = (0..<3).map { _ in run.popFirst() }
        #expect(jobs.map(\.position) == [5, 6, 7] && jobs.allSatisfy { $0.attempt == 2 })
        #expect(run.count == 0)
    }

    @Test func id_countsFromTheFirstOfItsBatch() {
        let last = RequestChunk(.sample(first: .max - 10, count: 10), .sample)
        #expect(Job(chunk: last, position: 9, attempt: 1).id == .max - 1)
    }
}
