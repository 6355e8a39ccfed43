import Foundation
import TestServer
import TestSupport
import Testing

/// Batches as a user tells them apart: names and priorities.
@Suite(.serialized) struct BatchTests {
    private let program = Program()

    private func enqueue(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["enqueue"] + arguments).wait()
    }

    // MARK: - Names

    @Test func name_isRefused_whenAnotherBatchHasIt() async throws {
        try await enqueue("--range", "0..5", "--name", "ids").expectSuccess()
        try await enqueue("--range", "0..6", "--name", "ids")
            .expectRefusal(2, "'ids' belongs to batch 1", "--name")
        write(Array("http://127.0.0.1/a\n".utf8), to: program.folder.file("urls.txt"))
        try await enqueue("urls.txt", "--name", "ids")
            .expectRefusal(2, "'ids' belongs to batch 1", "--name")
        try await enqueue("urls.txt", "--name", "urls").expectSuccess()
        #expect(try await program.jobs()["total"] == 6)
    }

    @Test func ifAbsent_givesTheBatchItsName_andFindsOneThatHasIt() async throws {
        try await enqueue("--range", "0..5", "--if-absent", "ids").expectSuccess()
        try await enqueue("--range", "0..5", "--name", "ids")
            .expectRefusal(2, "'ids' belongs to batch 1")
        try await enqueue("--range", "0..5", "--name", "others").expectSuccess()
        for (name, batch) in [("ids", 1), ("others", 2)] {
            let again = try await enqueue("--range", "0..5", "--if-absent", name, "--json")
            again.expectSuccess()
            #expect(try again.json["new"] as? Bool == false)
            #expect(try again.json["batch"] as? Int == batch)
        }
        #expect(try await program.jobs()["total"] == 10)
    }

    @Test(arguments: [
        (["--name", "17"], "--name '17'", "an ID"), (["--name", ""], "--name is empty", "name"),
        (["--if-absent", "17"], "--if-absent '17'", "an ID"),
        (["--name", "a\u{1B}b"], "control characters", "--name"),
        (["--name", String(repeating: "n", count: 201)], "200 bytes", "--name"),
        (["--name", "a", "--if-absent", "b"], "--name and --if-absent", "one of them"),
        (["--priority", "1001"], "--priority is 1001", "-1000 to 1000"),
        (["--priority", "-1001"], "--priority is -1001", "-1000 to 1000"),
    ])
    func enqueue_isRefused(_ arguments: [String], _ fault: String, _ cure: String) async throws {
        let all = ["enqueue", "--range", "0..5"] + arguments
        try await program.start("runner", all).wait().expectRefusal(2, fault, cure)
        #expect(try program.files().isEmpty)
    }

    // MARK: - Priorities

    @Test func run_takesTheHighestPriorityFirst() async throws {
        let origin = try await Origin.start()
        let url = "\(origin.url)/{id}"
        for (first, priority) in [(0, "-5"), (100, "0"), (200, "1000")] {
            try await enqueue(
                "--range", "\(first)..\(first + 20)", "--url", url, "--priority", priority
            ).expectSuccess()
        }
        let run = try await program.runner(
            "run", "-q", "-w", "1", "-o", "out", "--format", "jsonl")
        run.expectSuccess()
        var order: [Int] = []
        for line in String(
            decoding: try program.files(in: "out").first {
                $0.key.hasSuffix(".jsonl")
            }?.value ?? [], as: UTF8.self
        ).split(separator: "\n") {
            let record = try JSONSerialization.jsonObject(with: Data(line.utf8))
            order.append(try #require((record as? [String: Any])?["id"] as? Int))
        }
        #expect(order == Array(200..<220) + Array(100..<120) + Array(0..<20))
        await origin.stop()
    }
}
