import TestSupport
import Testing

@testable import Runner

@Suite struct RateBucketTests {
    /// Whenever one asks, no second has more than a twentieth over the rate, and all that wait get
    /// it.
    @Test func rate_isKept_andNeverExceededInASecond() {
        var random = SeededGenerator(seed: testSeed(for: "rate_isKept"))
        for perSecond in [1.0, 7, 50, 2000, 90_000] {
            var bucket = RateBucket(intervalMicros: 1_000_000 / perSecond)
            var sent: [(micros: Int, count: Int)] = []
            var time = 5_000_000
            while time < 15_000_000 {
                let now = Now(monotonicMicros: time, wallMicros: 0)
                let count = bucket.allowed(100_000, at: now)
                bucket.sent(count, at: now)
                if count > 0 { sent.append((time, count)) }
                time += Int.random(in: 1...10_000, using: &random)
            }
            let all = sent.reduce(0) { $0 + $1.count }
            #expect(abs(Double(all) - 10 * perSecond) <= max(1, 0.01 * 10 * perSecond))
            var (start, inSecond) = (0, 0)
            for entry in sent {
                inSecond += entry.count
                while sent[start].micros <= entry.micros - 1_000_000 {
                    inSecond -= sent[start].count
                    start += 1
                }
                #expect(Double(inSecond) <= 1.05 * perSecond + 1)
            }
        }
    }

    @Test func allowed_isNone_untilTheNextTurn() {
        var bucket = RateBucket(intervalMicros: 2_000_000)
        #expect(bucket.allowed(5, at: .at(ms: 0)) == 1)
        bucket.sent(1, at: .at(ms: 0))
        #expect(bucket.allowed(5, at: .at(ms: 1999)) == 0)
        #expect(bucket.nextMicros == Now.at(ms: 2000).monotonicMicros)
        #expect(bucket.allowed(5, at: .at(ms: 2000)) == 1)
    }
}

/// Hosts that allow so many requests a second, as a token bucket does.
@Suite struct RateControlTests {
    struct Trial {
        var seconds = 0.0
        var refused = 0
        var requests = 0
    }

    /// Asks a host for a number of answers, and follows the control; a rest is a second.
    private func answers(
        _ jobs: Int, allowed perSecond: Double, burst: Double, seed: UInt64
    ) -> Trial {
        var random = SeededGenerator(seed: seed)
        var pacing = Pacing()
        var (tokens, last, time) = (burst, 0, 0)
        var trial = Trial()
        func at(_ micros: Int) -> Now { Now(monotonicMicros: micros, wallMicros: 0) }
        func ask(_ count: Int) -> (answered: Int, refused: Int) {
            tokens = min(burst, tokens + perSecond * Double(time - last) / 1_000_000)
            last = time
            let answered = min(count, Int(tokens))
            tokens -= Double(answered)
            trial.requests += count
            trial.refused += count - answered
            return (answered, count - answered)
        }
        // All workers at once.
        var left = jobs
        let first = ask(min(1000, jobs))
        left -= first.answered
        trial.refused = 0
        pacing.ended(answered: first.answered, refused: first.refused, at: at(1))
        time = 1_000_000
        if pacing.isPushingBack { pacing.tripped(untilMicros: time, at: at(1)) }
        while left > 0, time < 1_000_000_000 {
            time += Int.random(in: 1000...6000, using: &random)
            let count = min(left, pacing.allowed(100, at: at(time)))
            guard count > 0 else { continue }
            pacing.sent(count, inFlight: 0, at: at(time))
            let result = ask(count)
            left -= result.answered
            pacing.ended(
                answered: result.answered, refused: result.refused, at: at(time))
            if pacing.isPushingBack {
                time += 1_000_000
                pacing.tripped(untilMicros: time, at: at(time - 1_000_000))
            }
        }
        trial.seconds = Double(time) / 1_000_000
        return trial
    }

    @Test(arguments: [(50.0, 50.0), (50, 5), (10, 10), (500, 500), (500, 50)])
    func pace_ofAHostThatAllowsARate_isFound(perSecond: Double, burst: Double) {
        let seed = testSeed(for: "pace_ofAHostThatAllowsARate_isFound")
        let jobs = Int(100 * perSecond)
        let trial = answers(jobs, allowed: perSecond, burst: burst, seed: seed)
        #expect(trial.seconds < 115, "\(trial)")
        #expect(trial.refused < jobs / 20, "\(trial)")
    }

    /// A host that answers nothing but refusals for a while, and then refuses some at whatever rate.
    @Test(arguments: [(0.05, 3400), (0.1, 1500), (0.3, 1500)])
    func pace_ofAHostThatRefusesSomeAtAnyRate_returns(refusedPart: Double, secondsMax: Int) {
        let seed = testSeed(for: "pace_ofAHostThatRefusesSomeAtAnyRate_returns")
        let seconds = (0..<7 as Range<UInt64>).map {
            Self.seconds(for: 20_000, refusedPart: refusedPart, seed: seed &+ $0)
        }
        // One rate that stays low takes more than an hour.
        #expect(seconds.sorted()[3] < secondsMax, "\(seconds)")
    }

    /// The time that jobs take at a host that has refused everything, and refuses a part from then on.
    private static func seconds(for jobs: Int, refusedPart: Double, seed: UInt64) -> Int {
        var random = SeededGenerator(seed: seed)
        var pacing = Pacing(HostLimits())
        func at(_ micros: Int) -> Now { Now(monotonicMicros: micros, wallMicros: 0) }
        pacing.ended(answered: 0, refused: 50, at: at(1))
        pacing.tripped(untilMicros: 2_000_000, at: at(1))
        var (left, time) = (jobs, 2_000_000)
        while left > 0, time < 3_600_000_000 {
            time += 5000
            let count = min(left, pacing.allowed(100, at: at(time)))
            guard count > 0 else { continue }
            pacing.sent(count, inFlight: 0, at: at(time))
            let refused = (0..<count).count { _ in
                Double.random(in: 0..<1, using: &random) < refusedPart
            }
            left -= count - refused
            pacing.ended(answered: count - refused, refused: refused, at: at(time))
            if pacing.isPushingBack {
                pacing.tripped(untilMicros: time + 1_000_000, at: at(time))
                time += 1_000_000
            }
        }
        return time / 1_000_000
    }

    @Test func rate_rises_whenTheHostAllowsMore() {
        var control = RateControl(perSecond: 5, at: .at(ms: 0))
        var time = 0
        while !control.isFree, time < 3_600_000 {
            time += 1000
            _ = control.add(
                answered: Int(control.perSecond.rounded(.up)), refused: 0, at: .at(ms: time))
        }
        #expect(time < 120_000, "\(control.perSecond) after \(time) ms")
    }

    /// Where jobs are few, answers without refusals say nothing of a higher rate.
    @Test func rate_stays_whileItIsNotUsed() {
        var control = RateControl(perSecond: 100, at: .at(ms: 0))
        for second in 1...600 {
            _ = control.add(answered: 10, refused: 0, at: .at(ms: 1000 * second))
        }
        #expect(control.perSecond == 100)
    }
}
