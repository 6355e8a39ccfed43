import Testing

@testable import Runner

@Suite struct DurationSizesTests {
    @Test func durations_areInThePartWhoseEndTheyAreBelow() {
        for end in DurationSizes.ends {
            for (micros, isBelow) in [(end - 1, true), (end, false), (end + 1, false)] {
                var histogram = Histogram(.fine)
                histogram.add(micros)
                let sizes = histogram.sizes(sumMicros: micros)
                let part = DurationSizes.ends.firstIndex(of: end)! + (isBelow ? 0 : 1)
                #expect(sizes.counts[part] == 1, "\(micros) µs")
                #expect(sizes.counts.reduce(0, +) == 1 && sizes.sumMicros == micros)
            }
        }
    }

    @Test func whatCameSince_isCountedAlone() {
        var histogram = Histogram(.fine)
        for micros in [100, 200, 9_000_000] { histogram.add(micros) }
        let before = histogram
        #expect(histogram.since(before).count == 0 && histogram.since(before).maxMicros == 0)
        for micros in [3000, 5000] { histogram.add(micros) }
        let new = histogram.since(before)
        #expect(new.count == 2)
        #expect(abs(new.percentile(0.5) - 3000) < 100)
        // The longest of all came before.
        #expect(abs(new.maxMicros - 5000) < 160)
        histogram.add(10_000_000)
        #expect(histogram.since(before).maxMicros == 10_000_000)
    }
}
