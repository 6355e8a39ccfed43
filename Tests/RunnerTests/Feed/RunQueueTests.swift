import Testing

@testable import Runner

@Suite struct RunQueueTests {
    @Test func take_isNil_whenEmpty() {
        var queue = RunQueue()
        #expect(queue.take(1) == nil && queue.count == 0)
        queue.append(.sample(0..<1))
        _ = queue.take(1)
        #expect(queue.take(1) == nil && queue.count == 0)
    }

    @Test func take_splitsARun_andNeverJoinsTwo() {
        var queue = RunQueue()
        queue.append(.sample(0..<10))
        queue.append(.sample(20..<22))
        #expect(queue.count == 12)
        #expect(take(4, &queue) == 0..<4)
        #expect(take(100, &queue) == 4..<10)
        #expect(queue.count == 2)
        #expect(take(100, &queue) == 20..<22)
    }

    @Test func prepend_comesFirst_beforeAndAfterTaking() {
        var queue = RunQueue()
        queue.append(.sample(0..<1))
        queue.append(.sample(1..<2))
        queue.prepend(.sample(10..<11))
        #expect(take(1, &queue) == 10..<11)
        queue.prepend(.sample(11..<12))  // takes the place of the one taken
        #expect(take(1, &queue) == 11..<12)
        #expect(take(1, &queue) == 0..<1)
        #expect(take(1, &queue) == 1..<2)
        #expect(queue.count == 0)
    }

    @Test func take_keepsTheOrder_whileMemoryIsGivenBack() {
        var queue = RunQueue()
        for position in 0..<5000 { queue.append(.sample(position..<position + 1)) }
        var taken: [Int] = []
        while let run = queue.take(1) {
            taken.append(run.first)
            #expect(queue.count == 5000 - taken.count)
            if taken.count == 1024 || taken.count == 1025 || taken.count == 4000 {
                queue.prepend(run)
                #expect(queue.take(1)?.first == run.first)
            }
        }
        #expect(taken == Array(0..<5000))
    }

    private func take(_ limit: Int, _ queue: inout RunQueue) -> Range<Int>? {
        queue.take(limit).map { $0.first..<$0.first + $0.count }
    }
}
