import TestSupport
import Testing

@testable import Runner

@Suite struct ArrivalQueueTests {
    /// Whatever is done, it holds what an array would.
    @Test(arguments: [UInt64](0..<20)) func itIsAQueue(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = ArrivalQueue<Int>()
        var model: [Int] = []
        for number in 0..<20_000 {
            // Of some seeds it grows, of others it is empty now and then.
            if Int.random(in: 0..<10, using: &random) < 4 + Int(seed % 3) {
                queue.append(number)
                model.append(number)
            } else {
                #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()), "\(seed)")
            }
            guard queue.count == model.count, queue.first == model.first,
                queue.isEmpty == model.isEmpty
            else { return #expect(Bool(false), "seed \(seed), after \(number)") }
            if number % 5000 == 4999, seed % 2 == 0 {
                #expect(queue.takeAll() == model, "\(seed)")
                model = []
            }
        }
    }
}
