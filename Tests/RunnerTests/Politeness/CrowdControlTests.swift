import Foundation
import TestSupport
import Testing

@testable import Runner

@Suite struct CrowdControlTests {
    /// Beyond 64 in flight an answer takes longer than what more in flight bring.
    private static func slowing(_ baseMs: Double, _ power: Double) -> SimulatedHost.Law {
        { inFlight, _, _ in baseMs * pow(max(1, Double(inFlight) / 64), power) }
    }

    /// All workers come at once: nobody saw the host without them.
    @Test(arguments: [(50.0, 1.5), (50, 2), (50, 3), (5, 2), (500, 1.5), (500, 2)])
    func crowd_ofAHostThatSlowsDown_isFoundFromTheBeginning(baseMs: Double, power: Double) {
        var host = SimulatedHost(seed: 1, law: Self.slowing(baseMs, power))
        host.run(seconds: 60)
        let answered = host.run(seconds: 60)
        #expect(Double(answered) >= 0.9 * 60 * 64 * 1000 / baseMs, "\(host.answers)")
    }

    /// The time of an answer varies much, so that chance decides some trials.
    @Test(arguments: [1.5, 2])
    func crowd_ofAHostThatSlowsDownAndVaries_isFound(power: Double) {
        let seed = testSeed(for: "crowd_ofAHostThatSlowsDownAndVaries_isFound")
        var host = SimulatedHost(seed: seed) { inFlight, ms, random in
            Self.slowing(50, power)(inFlight, ms, &random) * .random(in: 0.3...1.7, using: &random)
        }
        host.run(seconds: 60)
        #expect(Double(host.run(seconds: 60)) >= 0.9 * 60 * 1280, "\(host.answers)")
    }

    @Test func crowd_thatComesLater_isFound() {
        var host = SimulatedHost(seed: 1) { inFlight, ms, random in
            ms < 30_000 ? 100 : Self.slowing(50, 2)(inFlight, ms, &random)
        }
        host.run(seconds: 150)
        #expect(host.run(seconds: 60) >= 60 * 1280 * 9 / 10, "\(host.answers)")
    }

    /// One that is crowded no more gets all workers again.
    @Test func crowd_thatIsGone_isNoticed() {
        var host = SimulatedHost(seed: 1) { inFlight, ms, random in
            ms < 30_000 ? Self.slowing(50, 2)(inFlight, ms, &random) : 50
        }
        host.run(seconds: 120)
        #expect(host.run(seconds: 10) >= 10 * 20_000 * 9 / 10, "\(host.answers)")
    }

    /// Answers take 0, 1, 2 or 3 s, or anything between.
    @Test(arguments: [true, false])
    func aHostThatTakesItsTime_losesNothing(isInWaves: Bool) {
        let seed = testSeed(for: "aHostThatTakesItsTime_losesNothing")
        expectNothingLost(seconds: 300, part: 0.995, seed: seed) { _, _, random in
            isInWaves
                ? Double(Int.random(in: 0...3, using: &random) * 1000)
                : .random(in: 0...3000, using: &random)
        }
    }

    /// A few answers take very long: their logarithm is spread evenly over eight powers of e.
    @Test func aHostWithSomeVerySlowAnswers_losesNothing() {
        let seed = testSeed(for: "aHostWithSomeVerySlowAnswers_losesNothing")
        expectNothingLost(seconds: 180, part: 0.97, seed: seed) { _, _, random in
            10 * exp(.random(in: 0...8, using: &random))
        }
    }

    /// So many answers a second, and no more, however many are in flight.
    @Test(arguments: [20.0, 1.28, 0.1])
    func aHostOfFixedCapacity_losesNothing(answersPerMs: Double) {
        func law() -> SimulatedHost.Law {
            var freeMs = 0.0
            return { _, ms, _ in
                freeMs = max(freeMs, Double(ms)) + 1 / answersPerMs
                return freeMs - Double(ms)
            }
        }
        var host = SimulatedHost(seed: 1, law: law())
        var ceiling = SimulatedHost(adapts: false, seed: 1, law: law())
        let (answered, most) = (host.run(seconds: 30), ceiling.run(seconds: 30))
        #expect(Double(answered) >= 0.99 * Double(most), "\(answered) of \(most)")
    }

    /// For half a minute all answers take 25 times as long.
    @Test func aHostThatIsSlowForAWhile_losesAMomentOnly() {
        let seed = testSeed(for: "aHostThatIsSlowForAWhile_losesAMomentOnly")
        expectNothingLost(seconds: 100, part: 0.94, seed: seed) { _, ms, random in
            let mean = (40_000..<70_000).contains(ms) ? 1500.0 : 60
            return mean * .random(in: 0.5...1.5, using: &random)
        }
    }

    private func expectNothingLost(
        seconds: Int, part: Double, seed: UInt64, law: @escaping SimulatedHost.Law
    ) {
        var host = SimulatedHost(seed: seed, law: law)
        let answered = host.run(seconds: seconds)
        var ceiling = SimulatedHost(adapts: false, seed: seed, law: law)
        let most = ceiling.run(seconds: seconds)
        #expect(Double(answered) >= part * Double(most), "\(answered) of \(most)")
    }

    /// The first cohort does not come back: that is for no longer than a quarter of a second.
    @Test func aHostThatTakesItsTime_getsAllWorkersSoon() {
        var crowd = CrowdControl(workers: 1000)
        #expect(crowd.inFlightMax == 64 && crowd.nextMicros == nil)
        crowd.sent(64, inFlight: 0, at: .at(ms: 0))
        #expect(crowd.nextMicros == Now.at(ms: 250).monotonicMicros)
        crowd.pass(to: .at(ms: 249), inFlight: 64)
        #expect(crowd.inFlightMax == 64)
        crowd.pass(to: .at(ms: 250), inFlight: 64)
        #expect(crowd.inFlightMax == .max && crowd.cohortNumber == 0 && crowd.nextMicros == nil)
    }

    /// One job after the other, each of which ends at once: never is one seen in flight.
    @Test func aHostWithoutACrowd_keepsItsBound() {
        var crowd = CrowdControl(workers: 1000)
        for ms in 0..<100 {
            let number = crowd.cohortNumber
            crowd.sent(1, inFlight: 0, at: .at(ms: ms))
            crowd.ended(
                1, Cohort.Share(number: number, count: 1, answered: 1), inFlight: 1, at: .at(ms: ms)
            )
        }
        #expect(crowd.inFlightMax >= CrowdControl.inFlightMaxFirst)
    }

    /// Then the rest may only have waited for a busy machine.
    @Test func aHostThatHasAnsweredHalf_isWaitedFor_forASecond() {
        var crowd = CrowdControl(workers: 1000)
        crowd.sent(64, inFlight: 0, at: .at(ms: 0))
        crowd.ended(
            32, Cohort.Share(number: 1, count: 32, answered: 32), inFlight: 64, at: .at(ms: 200))
        crowd.pass(to: .at(ms: 250), inFlight: 32)
        #expect(crowd.inFlightMax == 64 && crowd.nextMicros == Now.at(ms: 500).monotonicMicros)
        for ms in [500, 750] { crowd.pass(to: .at(ms: ms), inFlight: 32) }
        #expect(crowd.inFlightMax == 64)
        crowd.pass(to: .at(ms: 1000), inFlight: 32)
        #expect(crowd.inFlightMax == .max)
    }

    /// For longer than a cohort is sent no job is there: that is nothing to learn from.
    @Test func aPauseOfTheRun_isNoAnswer() {
        var crowd = CrowdControl(workers: 1000)
        crowd.sent(64, inFlight: 0, at: .at(ms: 0))
        let first = Cohort.Share(number: 1, count: 64, answered: 64)
        crowd.ended(64, first, inFlight: 64, at: .at(ms: 100))
        #expect(crowd.inFlightMax == 128)
        for seconds in 1...5 {
            crowd.ended(0, Cohort.Share(), inFlight: 0, at: .at(ms: 20_000 * seconds))
        }
        #expect(crowd.inFlightMax == 128)
    }

    /// As many workers as a host begins with: nothing is ever tried.
    @Test func fewWorkers_haveNoBound() {
        var host = SimulatedHost(workers: 16, seed: 1) { _, _, _ in 20 }
        host.run(seconds: 5)
        #expect(host.crowd?.inFlightMax == .max)
    }
}

@Suite struct CohortTests {
    /// The quick ones come back first; they do not speak for the others.
    @Test func latency_countsThoseUnderWay() {
        var cohort = Cohort(number: 1, countMin: 4, micros: 1000, at: .at(ms: 0))
        cohort.add(sent: 4)
        cohort.pass(to: .at(ms: 10), inFlight: 4)
        #expect(!cohort.isOpen && cohort.inFlight == 4)
        cohort.add(Cohort.Share(number: 1, count: 2, answered: 2))
        cohort.pass(to: .at(ms: 100), inFlight: 8)
        #expect(!cohort.isBack)
        #expect(cohort.latencyMicros == (2 * 10_000 + 2 * 100_000) / 4)
        cohort.add(Cohort.Share(number: 1, count: 2, answered: 2))
        cohort.pass(to: .at(ms: 1000), inFlight: 8)
        #expect(cohort.isBack && cohort.latencyMicros == 55_000)
        // Four in flight, each for 55 ms.
        #expect(abs(cohort.perSecond - 4 / 0.055) < 0.001)
    }

    @Test func perSecond_leavesOutThoseWithoutAGoodAnswer() {
        var cohort = Cohort(number: 1, countMin: 4, micros: 1000, at: .at(ms: 0))
        cohort.add(sent: 4)
        cohort.pass(to: .at(ms: 100), inFlight: 4)
        cohort.add(Cohort.Share(number: 1, count: 4, answered: 1))
        #expect(abs(cohort.perSecond - 10) < 0.001)
    }
}
