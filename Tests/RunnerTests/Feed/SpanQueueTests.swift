import Testing

@testable import Runner

@Suite struct SpanQueueTests {
    @Test func take_isNil_whenEmpty() {
        var queue = SpanQueue()
        #expect(queue.take(1) == nil && queue.count == 0)
        queue.append(.sample(0..<1))
        _ = queue.take(1)
        #expect(queue.take(1) == nil && queue.count == 0)
    }

    @Test func take_splitsASpan_andNeverJoinsTwo() {
        var queue = SpanQueue()
        queue.append(.sample(0..<10))
        queue.append(.sample(20..<22))
        #expect(queue.count == 12)
        #expect(take(4, &queue) == 0..<4)
        #expect(take(100, &queue) == 4..<10)
        #expect(queue.count == 2)
        #expect(take(100, &queue) == 20..<22)
    }

    @Test func take_keepsTheOrder_whileMemoryIsGivenBack() {
        var queue = SpanQueue()
        for position in 0..<5000 { queue.append(.sample(position..<position + 1)) }
        var taken: [Int] = []
        while let span = queue.take(1) {
            taken.append(span.first)
            #expect(queue.count == 5000 - taken.count)
        }
        #expect(taken == Array(0..<5000))
    }

    /// Each span of a list holds the lines of a block.
    @Test func whatWasTaken_isNotHeld_whileOthersWait() {
        var queue = SpanQueue()
        weak var first: RequestChunk?
        for number in 0..<100 {
            let chunk = RequestChunk(.sample(id: number + 1), .sample)
            if number == 0 { first = chunk }
            queue.append(JobSpan(chunk: chunk, first: 0, count: 1, attempt: 1))
            if number >= 2 { _ = queue.take(1) }
        }
        #expect(queue.count == 2 && first == nil)
    }

    private func take(_ limit: Int, _ queue: inout SpanQueue) -> Range<Int>? {
        queue.take(limit).map { $0.first..<$0.first + $0.count }
    }
}
