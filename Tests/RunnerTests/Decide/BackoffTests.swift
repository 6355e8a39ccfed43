import TestSupport
import Testing

@testable import Runner

@Suite struct BackoffTests {
    @Test(arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60), (50, 60), (1000, 60)])
    func staysUnderItsCeiling_andUsesAllOfIt(attempt: Int, ceilingSeconds: Int) {
        var random = SeededGenerator(seed: 7)
        let waits = (0..<2000).map { _ in
            Backoff().waitMicros(afterAttempt: attempt, using: &random)
        }
        let ceiling = ceilingSeconds * 1_000_000
        #expect(waits.allSatisfy { (0...ceiling).contains($0) })
        #expect(waits.min()! < ceiling / 50 && waits.max()! > ceiling - ceiling / 50)
    }
}
