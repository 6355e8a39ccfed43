import Glibc
import TestServer
import TestSupport
import Testing

/// A drain comes to its end, also when the last worker and its last mark race for it.
@Suite(.serialized) struct DrainTests {
    @Test(arguments: 1...3)
    func aDrainEnds_whenOneWorkerIsLeft(round: Int) async throws {
        let origin = try await Origin.start()
        // Many at once, so that their threads are interrupted anywhere.
        var runs: [(program: Program, run: Program.Running)] = []
        for _ in 0..<12 {
            let program = Program()
            let url = "\(origin.url)/delay/100/{id}"
            try await program.runner("enqueue", "--range", "0..100000", "--url", url)
                .expectSuccess()
            runs.append((program, try program.start("runner", ["run", "-q", "-w", "1"])))
        }
        for (program, run) in runs {
            try await run.wait { try await program.jobs()["completed"] ?? 0 > 0 }
        }
        for (_, run) in runs { run.kill(SIGTERM) }
        for (program, run) in runs {
            let result = await run.wait(seconds: 10)
            #expect(result.status == 11, "\(result.err)")
            #expect(try await program.jobs()["running"] == 0)
        }
        await origin.stop()
    }
}
