import JobStore
import Stores
import TestSupport
import Testing
import WebView

@testable import runner_cli

/// What the page does, compared with what it shows.
@Suite struct QueueControlTests {
    @Test func aRetry_onThePageOfABatch_isOfThatBatchAlone_asItsCommandSays() async throws {
        let (program, origin) = (Program(), try await TestOrigin())
        for _ in 1...2 {
            try await program.runner(
                "enqueue", "--range", "0..3", "--url", "\(origin.url)/status/404/{id}"
            ).expectSuccess()
        }
        #expect(try await program.runner("run", "-q").status == 1)
        let path = program.folder.file("runner.db")
        let queue = try openQueue(at: path)
        let done = try await QueueControl(path: path, batch: 2)
            .perform(.retry(outcomes: "404"), in: queue)
        #expect(try await queue.counts(of: 1).failed == 3)
        #expect(try await queue.counts(of: 2).failed == 0)
        #expect(done.command.hasSuffix(" --outcome 404 --batch 2"), "\(done.command)")
        // The command finds the same jobs, of which none is left.
        let parts = done.command.split(separator: " ").dropFirst().map(String.init)
        let again = try await program.start("runner", parts).wait()
        #expect(again.status == 0, "\(again.err)")
        #expect(try await queue.counts(of: 1).failed == 3)
        let all = try await QueueControl(path: path).perform(.retry(outcomes: "404"), in: queue)
        #expect(!all.command.contains("--batch"))
        #expect(try await queue.counts().failed == 0)
        await queue.close()
    }
}
