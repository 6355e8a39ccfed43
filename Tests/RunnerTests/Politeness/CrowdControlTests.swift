import TestSupport
import Testing

@testable import Runner

@Suite struct CrowdControlTests {
    /// A host whose answers take a time that depends on the requests in flight, with chance in how
    /// many end in 100 ms.
    ///
    /// - Returns: The requests in flight and the answers a second at the end, over a minute.
    private func settle(
        workers: Int, seconds: Int, seed: UInt64, isInWaves: Bool = false,
        latency: (Double) -> Double
    ) -> (inFlight: Int, perSecond: Double) {
        var random = SeededGenerator(seed: seed)
        var crowd = CrowdControl()
        var (ended, carried) = (0, 0.0)
        for step in 1...seconds * 10 {
            let inFlight = min(workers, crowd.inFlightMax)
            let mean = Double(inFlight) / latency(Double(inFlight)) / 10
            carried += mean * .random(in: 0.9...1.1, using: &random)
            // All at whole seconds.
            let count = isInWaves && step % 10 != 0 ? 0 : Int(carried)
            carried -= Double(count)
            crowd.add(answered: count, inFlight: inFlight, at: .at(ms: 100 * step))
            if step > (seconds - 60) * 10 { ended += count }
        }
        return (min(workers, crowd.inFlightMax), Double(ended) / 60)
    }

    /// Beyond 64 in flight it takes longer than what more in flight bring: at best it answers 1,280
    /// a second.
    @Test(arguments: [1.5, 2, 3])
    func crowd_ofAHostThatSlowsDown_isFound(power: Double) {
        let seed = testSeed(for: "crowd_ofAHostThatSlowsDown_isFound")
        var least = Double.infinity
        // At first it is quick: the crowd has to come.
        var asked = 0
        let result = settle(workers: 1000, seconds: 240, seed: seed) { inFlight in
            asked += 1
            if asked < 15 { return 0.1 }
            let crowded = max(1, inFlight / 64)
            var latency = 0.05
            for _ in 0..<Int(power) { latency *= crowded }
            if power != power.rounded() { latency *= crowded.squareRoot() }
            least = min(least, latency)
            return latency
        }
        #expect(result.perSecond >= 0.9 * 1280, "\(result)")
    }

    /// A host that takes its time, and not longer for more, is never asked less.
    @Test(arguments: [false, true])
    func crowd_ofAHostThatTakesItsTime_staysWhole(isInWaves: Bool) {
        let seed = testSeed(for: "crowd_ofAHostThatTakesItsTime_staysWhole")
        let result = settle(workers: 1000, seconds: 600, seed: seed, isInWaves: isInWaves) { _ in
            1.5
        }
        #expect(result.inFlight == 1000)
    }

    /// One that has become slow for all is asked less for a moment only.
    @Test func crowd_ofAHostThatBecomesSlow_isTriedAndLeftWhole() {
        let seed = testSeed(for: "crowd_ofAHostThatBecomesSlow_isTriedAndLeftWhole")
        var steps = 0
        let result = settle(workers: 500, seconds: 300, seed: seed) { _ in
            steps += 1
            return steps < 600 ? 0.2 : 0.9
        }
        #expect(result.perSecond >= 0.95 * 500 / 0.9, "\(result)")
    }
}
