import TestSupport
import Testing

@testable import Runner

@Suite struct HistogramTests {
    /// Durations of all sizes, from 0 on.
    private func durations(_ count: Int, _ random: inout SeededGenerator) -> [Int] {
        (0..<count).map { _ in
            Int.random(in: 0...1 << Int.random(in: 0...32, using: &random), using: &random)
        }
    }

    @Test(arguments: [(LogScale.fine, 1.0 / 32), (.coarse, 1.0 / 16)])
    func percentiles_areWithinTheErrorThatIsPromised(scale: LogScale, error: Double) {
        var random = SeededGenerator(seed: testSeed(for: "percentiles"))
        let tally = Tally.make(scale)
        defer { tally.free() }
        for count in [1, 2, 3, 10, 100, 1000, 20_000] {
            tally.clear()
            let durations = durations(count, &random)
            for duration in durations { tally.add(duration) }
            let sorted = durations.map { min($0, LogScale.microsMax) }.sorted()
            let histogram = Histogram(tally)
            #expect(histogram.count == count && histogram.maxMicros == sorted.last)
            for share in [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
                let rank = max(1, Int((Double(count) * share).rounded(.up)))
                let (exact, found) = (sorted[rank - 1], histogram.percentile(share))
                #expect(
                    Double(abs(found - exact)) <= Double(exact) * error + 0.001,
                    "\(found) for \(exact), \(share) of \(count)")
            }
        }
    }

    @Test func talliesAdded_areAsOne() {
        var random = SeededGenerator(seed: testSeed(for: "talliesAdded"))
        let (part, whole) = (Tally.make(.fine), Tally.make(.fine))
        defer { for tally in [part, whole] { tally.free() } }
        var sum = Histogram(.fine)
        for _ in 0..<5 {
            part.clear()
            for duration in durations(1000, &random) {
                part.add(duration)
                whole.add(duration)
            }
            sum.add(part)
        }
        let one = Histogram(whole)
        #expect(sum.count == 5000 && one.count == 5000 && sum.maxMicros == one.maxMicros)
        for share in [0.01, 0.5, 0.9, 0.99] {
            #expect(sum.percentile(share) == one.percentile(share))
        }
    }

    @Test func whatIsOutOfBounds_countsAtTheBound() {
        let tally = Tally.make(.fine)
        defer { tally.free() }
        #expect(Histogram(tally).percentile(0.5) == 0 && Histogram(tally).count == 0)
        tally.add(-5)
        #expect(Histogram(tally).percentile(1) == 0 && Histogram(tally).count == 1)
        tally.add(1 << 40)
        tally.add(LogScale.microsMax)
        #expect(Histogram(tally).count == 3 && tally.maxMicros == LogScale.microsMax)
        #expect(abs(Double(Histogram(tally).percentile(1)) / Double(1 << 32) - 1) < 0.04)
        tally.words[0] = .max
        tally.add(0)
        #expect(tally.words[0] == .max)
    }
}
