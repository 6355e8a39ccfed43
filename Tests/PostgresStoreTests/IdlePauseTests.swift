import JobStore
import StoreConformance
import TestPostgres
import Testing

@testable import PostgresStore

/// The pauses of runners that find nothing, while others hold the rest.
@Suite struct IdlePauseTests {
    @Test func aPause_doublesUpToTwoSeconds() {
        var pause = IdlePause()
        let longest = (0..<1000).map { _ in
            defer { pause.looked(found: false) }
            return pause.longest(runners: 4)
        }
        let doubling = [50, 100, 200, 400, 800, 1600].map { Duration.milliseconds($0) }
        #expect(Array(longest[..<6]) == doubling)
        #expect(longest[6...].allSatisfy { $0 == .seconds(2) })
    }

    @Test func manyRunners_beginWithLongPauses() {
        var pause = IdlePause()
        #expect(pause.longest(runners: 250) == .seconds(1))
        #expect(pause.longest(runners: 100_000) == .seconds(2))
        pause.looked(found: false)
        #expect(pause.longest(runners: 250) == .seconds(2))
    }

    @Test func aLookThatFindsJobs_beginsAnew() {
        var pause = IdlePause()
        for _ in 0..<5 { pause.looked(found: false) }
        pause.looked(found: true)
        #expect(pause.longest(runners: 1) == .milliseconds(50))
    }

    @Test func aPause_isAtLeastHalfOfTheLongest() {
        let drawn = (0..<1000).map { _ in IdlePause().duration(runners: 1) }
        #expect(drawn.allSatisfy { $0 >= .milliseconds(25) && $0 <= .milliseconds(50) })
        #expect(Set(drawn).count > 900)
    }

    /// A runner whose others hold all that is left asks soon, and then more and more rarely.
    @Test func aRunner_asksMoreRarelyWithEachLook() async throws {
        let url = try PostgresServer.shared.makeDatabase().url
        let busy = try await StoreClient.attached(toNew: url, jobs: 10)
        #expect(try await busy.claim(jobs: 10).count == 1)
        let idle = StoreClient(to: try PostgresQueue(url: url, access: .write))
        try await idle.attach(RunnerDescription(pid: 2, workers: 1))
        var waits: [Duration] = []
        for _ in 0..<7 {
            guard case .after(let wait) = try await idle.nextClaim() else { break }
            waits.append(wait)
        }
        #expect(waits.count == 7)
        #expect(waits.first.map { $0 <= .milliseconds(50) } == true)
        #expect(waits.last.map { $0 >= .seconds(1) } == true)
        await idle.close()
        await busy.close()
    }
}
