import Foundation
import TestPostgres
import TestSupport
import Testing

/// One rate for all runs of a queue in PostgreSQL, as the server sees it. `RUNNER_TEST_FLEET=8` is the
/// full length: 1,000 requests a second.
@Suite(.serialized) struct PostgresRateTests {
    private let program: Program

    init() throws {
        var program = Program()
        program.environment["RUNNER_QUEUE"] = try PostgresServer.shared.makeDatabase().url
        self.program = program
    }

    /// Runs come, are stopped and die; the origin's own times are the judge.
    @Test(.timeLimit(.minutes(5)))
    func theRate_isTheFleets_whateverBecomesOfRuns() async throws {
        let fleet = setting("RUNNER_TEST_FLEET", default: 4)
        let (rate, few) = (fleet >= 8 ? 1000 : 200, fleet / 4)
        let least = 0.95 * Double(rate)
        let origin = try await BusyOrigin(["plain", "5"])
        try await program.runner(
            "enqueue", "--range", "0..\(rate * 300)", "--url", "\(origin.url)/{id}"
        ).expectSuccess()
        func start() throws -> Program.Running {
            try program.start("runner", ["run", "-w", "50", "--rate", "\(rate)/s", "--no-adapt"])
        }
        var runs = try (0..<fleet).map { _ in try start() }
        try await runs[0].wait { try await runCount() == fleet }
        try await settledRate(origin, over: 4, isAtLeast: least)
        for _ in 0..<few {
            let run = runs.removeFirst()
            run.kill(SIGKILL)
            await run.wait()
        }
        for _ in 0..<few { runs.append(try start()) }
        // Those that are gone are found within five seconds.
        try await runs[0].wait { try await runCount() == fleet }
        try await settledRate(origin, over: 5, isAtLeast: least)
        // One that stands still for a while does not catch up.
        runs[0].kill(SIGSTOP)
        try await Task.sleep(for: .seconds(2))
        runs[0].kill(SIGCONT)
        try await settledRate(origin, over: 3, isAtLeast: least)
        let most = try origin.report().mostInASecond
        // A few tens of milliseconds lie between sending and arriving when processes are many.
        #expect(most <= rate + max(rate / 20, 20), "\(most) in a second")
        for run in runs { run.kill(SIGINT) }
        for run in runs { #expect(await run.wait().status == 11, "\(run.err)") }
        #expect(try await program.runner("verify").status == 0)
    }

    /// Waits until the rate is reached for some time: a machine with other work to do may need
    /// several tries, since turns that are late are not made up for. A share that is lost is never
    /// made up for.
    private func settledRate(
        _ origin: BusyOrigin, over seconds: Double, isAtLeast least: Double,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        var rates: [Double] = []
        repeat {
            let (begin, before) = (ContinuousClock.now, try origin.report().ok)
            try await Task.sleep(for: .seconds(seconds))
            let done = try origin.report().ok - before
            rates.append(Double(done) / ((ContinuousClock.now - begin) / .seconds(1)))
        } while rates.last ?? 0 < least && rates.count < 15
        #expect(rates.last ?? 0 >= least, "\(rates) a second", sourceLocation: location)
    }

    private func runCount() async throws -> Int {
        let status = try await program.runner("status", "--json")
        let document = try JSONSerialization.jsonObject(with: Data(status.out.utf8))
        return ((document as? [String: Any])?["runs"] as? [Any])?.count ?? 0
    }

    /// `set` is for all runs together, those too that began without a rate.
    @Test func setRate_holdsForAllRuns_together() async throws {
        let origin = try await BusyOrigin(["plain", "5"])
        try await program.runner(
            "enqueue", "--range", "0..100000", "--url", "\(origin.url)/{id}"
        ).expectSuccess()
        let runs = try (0..<2).map { _ in
            try program.start("runner", ["run", "-w", "4", "--no-adapt"])
        }
        try await runs[0].wait { try await runCount() == 2 && origin.report().ok > 500 }
        let set = try await program.runner("set", "--rate", "100/s")
        #expect(
            set.out == "set --rate 100/s: 2 runs keep to it, together\n", "\(set.out)\(set.err)")
        _ = try origin.reset()
        try await settledRate(origin, over: 3, isAtLeast: 90)
        #expect(try origin.report().mostInASecond <= 115)
        let third = try program.start("runner", ["run", "-w", "4"])
        try await third.wait { third.err.contains("the runs of this queue keep to 100/s together") }
        #expect(try await program.runner("set", "--rate", "none").status == 0)
        try await settledRate(origin, over: 1, isAtLeast: 200)
        for run in runs + [third] {
            run.kill(SIGINT)
            #expect(await run.wait().status == 11, "\(run.err)")
        }
    }
}
