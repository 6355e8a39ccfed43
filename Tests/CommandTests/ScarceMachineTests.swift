import Foundation
import TestSupport
import Testing

/// The machine gives no thread, or its kernel watches no more descriptors: the run says so before its
/// first request, or goes on without, and loses nothing.
@Suite(.serialized) struct ScarceMachineTests {
    private let jobs = 40

    /// Fails the n-th of a thread's calls.
    ///
    /// - Returns: The failed calls as the trace shows them, and how the program ended.
    private func run(
        _ program: Program, failing calls: String, with error: String, at number: Int
    ) async throws -> (failed: [Substring], result: Program.Result) {
        let run = try program.start(
            "/usr/bin/strace",
            [
                "-f", "-y", "-o", "trace", "-e", "trace=\(calls)", "-e",
                "inject=\(calls):error=\(error):when=\(number)",
                Program.products + "/runner", "run", "--workers", "4", "--output", "out",
            ])
        let result = await run.wait(seconds: 60)
        let trace = String(decoding: contents(of: program.folder.file("trace")), as: UTF8.self)
        #expect(result.signal == nil, "\(calls) \(number): \(result.err)")
        return (trace.split(separator: "\n").filter { $0.contains("(INJECTED)") }, result)
    }

    /// Some are helpers of the system's libraries, which do without; then there are the queue's, the
    /// output's, the loops'.
    @Test func aThreadThatCannotBeStarted_isSaidSo_orDoneWithout() async throws {
        let origin = try await TestOrigin()
        var (refused, made) = (0, 0)
        // Which thread starts which is not the same each time, nor how many a single one starts: on a
        // busy machine few threads start more than one.
        for attempt in 0..<24 where attempt < 6 || made < 4 || refused < 3 {
            let number = attempt % 6 + 1
            origin.reset()
            let program = Program()
            try await program.enqueue(jobs, origin, "{id}")
            let (failed, result) = try await run(
                program, failing: "clone3,clone", with: "EAGAIN", at: number)
            if !failed.isEmpty { made += 1 }
            if result.status != 0 {
                refused += 1
                #expect(result.status == 2 || result.status == 3)
                #expect(result.err.contains("gives no thread for"), "\(result.err)")
                #expect(try origin.hits().requests == 0)
                let again = ["run", "-q", "--output", "out"]
                try await program.start("runner", again).wait().expectSuccess()
            }
            #expect(try origin.hits().distinct == jobs && origin.hits().repeated == 0)
            try await program.expectVerified()
        }
        #expect(made >= 4, "only \(made) of 24 showed anything")
        #expect(refused >= 3, "threads of the program's own are refused too seldom")
    }

    @Test(arguments: [2, 3, 4])
    func aDescriptorThatIsNotWatched_costsNoJob(number: Int) async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(jobs, origin, "{id}")
        let (failed, result) = try await run(
            program, failing: "epoll_ctl", with: "ENOSPC", at: number)
        #expect(!failed.isEmpty, "call \(number) was not made: nothing was shown")
        // Calls are counted thread by thread, and the system's own are among them: whether the third
        // is of a loop that is made, which watches its bell, or of a socket, is not the same each
        // time.
        if failed.contains(where: { $0.contains("EPOLL_CTL_ADD") && $0.contains("[eventfd]") }) {
            #expect(result.status == 2 && result.err.contains("gives no event loop"))
            try await program.start("runner", ["run", "-q", "--output", "out"]).wait()
                .expectSuccess()
        } else {
            #expect(result.status == 0, "\(result.err)")
        }
        #expect(try await program.jobs()["completed"] == jobs)
        #expect(try origin.missing(of: jobs) == 0)
        try await program.expectVerified()
    }
}
