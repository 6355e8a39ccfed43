import TestSupport

@testable import Runner

/// A host whose answers take a time that a law gives, and the workers that ask it, in steps of 1 ms.
struct SimulatedHost {
    /// Returns the time in ms that an answer takes, for the requests in flight, this one included,
    /// and the time in ms.
    typealias Law = (Int, Int, inout SeededGenerator) -> Double

    let workers: Int
    let law: Law
    /// `nil` for all workers at any time.
    private(set) var crowd: CrowdControl?
    private var random: SeededGenerator
    private var inFlight = 0
    /// The requests that end, by time and cohort; it goes round.
    private var ends = [[Cohort.Number: Int]](repeating: [:], count: Self.latencyMax + 1)
    /// The answers by second.
    private(set) var answers: [Int] = []

    private static let latencyMax = 30_000

    init(workers: Int = 1000, adapts: Bool = true, seed: UInt64, law: @escaping Law) {
        self.workers = workers
        self.law = law
        crowd = adapts ? CrowdControl(workers: workers) : nil
        random = SeededGenerator(seed: seed)
    }

    /// Lets time pass.
    ///
    /// - Returns: The answers.
    @discardableResult
    mutating func run(seconds: Int) -> Int {
        let from = answers.count
        for second in from..<from + seconds {
            answers.append(0)
            for ms in 1000 * second..<1000 * (second + 1) { step(ms) }
        }
        return answers[from...].reduce(0, +)
    }

    private mutating func step(_ ms: Int) {
        let now = Now.at(ms: ms)
        end(ms, now)
        if let next = crowd?.nextMicros, next <= now.monotonicMicros {
            crowd?.pass(to: now, inFlight: inFlight)
        }
        let room = min(workers, crowd?.inFlightMax ?? .max) - inFlight
        guard room > 0 else { return }
        let number = crowd?.cohortNumber ?? 0
        crowd?.sent(room, inFlight: inFlight, at: now)
        for _ in 0..<room {
            inFlight += 1
            let latency = min(max(1, Int(law(inFlight, ms, &random))), Self.latencyMax)
            ends[(ms + latency) % ends.count][number, default: 0] += 1
        }
    }

    private mutating func end(_ ms: Int, _ now: Now) {
        let ended = ends[ms % ends.count]
        guard !ended.isEmpty else { return }
        ends[ms % ends.count] = [:]
        let count = ended.values.reduce(0, +)
        let latest = ended.keys.max() ?? 0
        let share = Cohort.Share(
            number: latest, count: ended[latest] ?? 0, answered: ended[latest] ?? 0)
        crowd?.ended(count, share, inFlight: inFlight, at: now)
        inFlight -= count
        answers[answers.count - 1] += count
    }
}
