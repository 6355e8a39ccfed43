import Glibc
import TestPostgres
import TestSupport
import Testing

@testable import JobStore
@testable import PostgresStore

/// One rate for all runners of a queue. `RUNNER_TEST_SHARE_STEPS=20000` is the full length.
@Suite struct ShareTests {
    /// A runner as the rest of the program plays it: it keeps to what it was told, and tells so later.
    private struct Runner {
        let queue: PostgresQueue
        let lease: any RunnerLease
        /// What it keeps to.
        var kept = 0.0
        var wanted = Double.infinity

        init(_ url: String, rate: Double?, isReturning: Bool = false) async throws {
            queue = try PostgresQueue(url: url, access: .create)
            lease = try await queue.attach(
                RunnerDescription(pid: 1, workers: 1, rate: rate, isReturning: isReturning))
        }

        /// - Parameter isLost: Whether the answer gets lost.
        mutating func look(isLost: Bool = false) async throws {
            let claim = RateClaim(kept: kept, wanted: wanted)
            let share = try #require(try await lease.share(claim))
            if !isLost { kept = share.perSecond }
        }

        /// Ends as a killed process does.
        func die() async { await queue.close() }
    }

    private func settle(_ runners: inout [Runner]) async throws {
        for _ in 0..<4 { for index in runners.indices { try await runners[index].look() } }
    }

    /// Whatever is killed, begun, slow, silent or lost, the runs never keep to more than the rate
    /// together; and left alone for a moment, they have all of it.
    @Test func shares_neverExceedTheRate_andUseAllOfIt() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let seed = testSeed(for: "shares_neverExceedTheRate")
        var random = SeededGenerator(seed: seed)
        let steps = setting("RUNNER_TEST_SHARE_STEPS", default: 600)
        let rate = 1000.0
        var runners = [try await Runner(url, rate: rate)]
        for step in 0..<steps {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<5 where runners.count < 12: runners.append(try await Runner(url, rate: nil))
            case 5..<8 where runners.count > 1:
                let index = Int.random(in: 0..<runners.count, using: &random)
                await runners.remove(at: index).die()
            case 8..<10 where runners.count > 1:
                let index = Int.random(in: 0..<runners.count, using: &random)
                try await runners.remove(at: index).lease.detach()
            case 10..<15:
                let index = Int.random(in: 0..<runners.count, using: &random)
                let wants = [0, 16, 128, Double.infinity]
                runners[index].wanted = wants[Int.random(in: 0..<wants.count, using: &random)]
            case let number:
                let index = Int.random(in: 0..<runners.count, using: &random)
                try await runners[index].look(isLost: number < 30)
            }
            let sum = runners.reduce(0) { $0 + $1.kept }
            #expect(sum <= rate * 1.000_001, "step \(step) of seed \(seed)")
        }
        for index in runners.indices { runners[index].wanted = .infinity }
        // Those that are dead are seen by the next runner to attach.
        runners.append(try await Runner(url, rate: nil))
        try await settle(&runners)
        let sum = runners.reduce(0) { $0 + $1.kept }
        #expect(sum > rate * 0.98 && sum <= rate * 1.000_001, "seed \(seed)")
        let most = runners.map(\.kept).max() ?? 0
        #expect(most <= rate / Double(runners.count) * 1.000_001, "seed \(seed)")
        for runner in runners { await runner.die() }
    }

    @Test func oneThatComes_hasNothing_untilTheOthersHaveTold() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        var first = try await Runner(url, rate: 100)
        try await first.look()
        #expect(first.kept == 100)
        var second = try await Runner(url, rate: nil)
        try await second.look()
        #expect(second.kept == 0)
        // It keeps to less, and has not said so yet.
        try await first.look()
        #expect(first.kept == 50)
        try await second.look()
        #expect(second.kept == 0)
        try await first.look()
        try await second.look()
        #expect(second.kept == 50)
        await first.die()
        await second.die()
    }

    @Test func whatSomeLeave_theOthersHave() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        var runners = [try await Runner(url, rate: 90)]
        for _ in 0..<2 { runners.append(try await Runner(url, rate: nil)) }
        runners[2].wanted = 10
        try await settle(&runners)
        #expect(runners.map(\.kept) == [40, 40, 10])
        runners[1].wanted = 0
        try await settle(&runners)
        #expect(runners.map(\.kept) == [80, 0, 10])
        runners[1].wanted = .infinity
        runners[2].wanted = .infinity
        try await settle(&runners)
        #expect(runners.map(\.kept) == [30, 30, 30])
        for runner in runners { await runner.die() }
    }

    /// Of three requests in a minute, a tenth of a second each is of no use to anybody.
    @Test func aLowRate_isHadByOne() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        var runners = [try await Runner(url, rate: 3.0 / 60)]
        for _ in 0..<2 { runners.append(try await Runner(url, rate: nil)) }
        try await settle(&runners)
        #expect(runners.map(\.kept) == [3.0 / 60, 0, 0])
        runners[0].wanted = 0
        try await settle(&runners)
        #expect(runners.map(\.kept) == [0, 3.0 / 60, 0])
        for runner in runners { await runner.die() }
    }

    /// The rate that was named last is that of all.
    @Test func theLastRate_holds_forThoseToo_thatNamedNone() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        var runners = [try await Runner(url, rate: nil)]
        try await settle(&runners)
        #expect(runners[0].kept == .infinity)
        runners.append(try await Runner(url, rate: 50))
        try await runners[1].look()
        #expect(runners[1].kept == 0)
        try await settle(&runners)
        #expect(runners.map(\.kept) == [25, 25])
        // One that comes back names none.
        runners.append(try await Runner(url, rate: 900, isReturning: true))
        try await settle(&runners)
        #expect(try await runners[0].queue.ratePerSecond() == 50)
        try await runners[0].queue.setRate(perSecond: 30)
        try await settle(&runners)
        #expect(runners.map(\.kept) == [10, 10, 10])
        try await runners[0].queue.setRate(perSecond: nil)
        try await settle(&runners)
        #expect(runners.map(\.kept) == [.infinity, .infinity, .infinity])
        try await runners[0].queue.setRate(perSecond: 30)
        for runner in runners { await runner.die() }
        // Nobody is left whose rate that was.
        var next = [try await Runner(url, rate: nil)]
        try await settle(&next)
        #expect(next[0].kept == .infinity)
        await next[0].die()
    }

    private func setting(_ name: String, default value: Int) -> Int {
        getenv(name).flatMap { Int(String(cString: $0)) } ?? value
    }
}
