import Foundation
import JobStore
import StoreConformance
import Stores
import TestSupport
import Testing

/// `verify` on queues with an output made by hand; what it finds is tested with the library.
@Suite struct VerifyTests {
    private let program = Program()
    private let name = "responses-00001.jsonl"

    private var output: String { program.folder.file("responses") }

    private static func lines(_ ids: some Sequence<Int>) -> [UInt8] {
        ids.flatMap {
            Array(#"{"id":\#($0),"batch":1,"state":"completed","body":"\#($0)"}"#.utf8) + [0x0A]
        }
    }

    /// A queue of ten completed jobs, and a file with these bytes as its output.
    private func makeQueue(_ bytes: [UInt8], records: Int = 10, step: Int = 1) async throws {
        let queue = StoreClient(
            to: try openQueue(at: program.folder.file("runner.db"), makesMissing: true))
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        _ = try await queue.enqueue(JobRange(first: 0, count: 10, step: step), request: request)
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        try FileManager.default.createDirectory(
            atPath: output, withIntermediateDirectories: false)
        write(bytes, to: output + "/" + name)
        let file = OutputFile(
            id: 1, name: name, format: "jsonl", bytes: bytes.count, crc32: crc32(of: bytes),
            records: records)
        try await queue.keepOutput(
            OutputSettings(
                folder: output, identity: "c0ffee", format: "jsonl", rotateBytes: 1 << 30,
                keepsBodies: true,
                keepsFailures: false), [file])
        // The output was there before the first job ended, as it is in a run.
        for segment in try await queue.claim(jobs: 1) {
            let marks = segment.todo.flatMap { $0 }.map {
                Mark(
                    batchID: 1, position: $0, attempt: 1, outcome: Outcome(.completed, status: 200))
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        try await queue.detach()
        await queue.close()
    }

    private func document(_ result: Program.Result) throws -> NSDictionary {
        try result.json as NSDictionary
    }

    @Test func verify_saysWhatItRead_whenAllIsSound() async throws {
        let bytes = Self.lines(0..<10)
        try await makeQueue(bytes)
        let before = try program.files()
        let text = try await program.runner("verify")
        text.expectSuccess()
        #expect(text.out == "sound: runner.db, and 10 records in 1 file (\(bytes.count) bytes)\n")
        let json = try await program.runner("verify", "--json")
        json.expectSuccess()
        #expect(
            try document(json) == [
                "sound": true, "faults": [], "notes": [], "files": 1, "records": 10,
                "superseded": 0,
                "bytes": bytes.count,
            ])
        // Looking leaves the log's index beside the queue, as `status` does.
        #expect(try program.files()["runner.db"] == before["runner.db"])
        #expect(contents(of: output + "/" + name) == bytes)
    }

    @Test func verify_endsWith3_andNamesEachFault() async throws {
        try await makeQueue(Self.lines([0, 1, 2, 3, 3, 5, 6, 7, 8, 9]))
        write([], to: output + "/responses-00002.jsonl")
        let text = try await program.runner("verify")
        #expect(text.status == 3 && text.err.isEmpty)
        #expect(
            text.out == """
                fault: responses-00002.jsonl is in the folder, and the queue does not know it
                fault: jobs with more than one record (1 too many): batch 1: 3 in \(name)
                fault: completed jobs not found in the output (1): batch 1: 4
                not sound: runner.db; move files the queue does not know out of the folder; \
                restore a copy of queue and output made together, or fetch the jobs again with \
                a new queue

                """)
        let json = try await program.runner("verify", "--json")
        #expect(json.status == 3 && json.err.isEmpty)
        let document = try json.json
        #expect(document["sound"] as? Bool == false)
        #expect((document["faults"] as? [String])?.count == 3)
    }

    @Test func verify_findsJobsByTheirIDs_whereARangeHasAStep() async throws {
        try await makeQueue(
            Self.lines([0, 1000, 1000, 2001, 4000, 5000, 6000, 7000, 8000, 9000]), step: 1000)
        let text = try await program.runner("verify")
        #expect(text.status == 3 && text.err.isEmpty)
        #expect(text.out.contains("more than one record (1 too many): batch 1: 1000 in \(name)\n"))
        #expect(text.out.contains("batch 1: 2001 in \(name)\n"))
        #expect(
            text.out.contains("not found in the output (2): batch 1: 2000, 3000\n"), "\(text.out)")
    }

    @Test func verify_saysWhatADamagedFileNeeds() async throws {
        try await makeQueue(Self.lines(0..<10))
        var bytes = Self.lines(0..<10)
        bytes[bytes.count - 4] ^= 1
        write(bytes, to: output + "/" + name)
        let text = try await program.runner("verify")
        #expect(text.status == 3)
        #expect(
            text.out == """
                fault: \(name) is not what was written: its checksum differs
                not sound: runner.db; put back the files named, or name the folder they are in \
                with --output; what is lost can be fetched again with a new queue

                """)
    }

    @Test func verify_looksElsewhere_whenTold() async throws {
        try await makeQueue(Self.lines(0..<10))
        try FileManager.default.moveItem(atPath: output, toPath: program.folder.file("moved"))
        #expect(try await program.runner("verify").status == 3)
        try await program.runner("verify", "--output", "moved").expectSuccess()
    }

    @Test func verify_checksAQueueWithoutOutput() async throws {
        try await program.runner("enqueue", "--range", "0..10").expectSuccess()
        let sound = try await program.runner("verify")
        sound.expectSuccess()
        #expect(
            sound.out == """
                note: the queue keeps no responses: it was checked alone
                sound: runner.db

                """)
        try await program.sqlite("runner.db", "UPDATE span SET count = 9")
        let unsound = try await program.runner("verify")
        #expect(unsound.status == 3)
        #expect(unsound.out.contains("fault: batch 1: tiled to 9, holds 10 jobs\n"))
        #expect(
            unsound.out.hasSuffix(
                "not sound: runner.db; restore a copy of the queue and of the output made with it\n"
            ))
    }

    @Test func verify_escapesWhatADamagedQueueHolds() async throws {
        try await makeQueue(Self.lines(0..<10))
        try await program.sqlite("runner.db", "UPDATE output SET name = 'a' || char(27) || '[2J'")
        let result = try await program.runner("verify")
        #expect(result.status == 3)
        #expect(result.out.contains(#"a\u{1b}[2J is no name"#))
        #expect(!result.out.contains("\u{1B}"))
    }

    @Test func verify_worksOnAQueueOfTheVersionBeforeOutputs() async throws {
        try await program.runner("enqueue", "--range", "0..10").expectSuccess()
        try await program.sqlite(
            "runner.db",
            """
            DROP TABLE sink; DROP TABLE output;
            CREATE TABLE output (id INTEGER PRIMARY KEY, path TEXT); PRAGMA user_version = 1
            """)
        try await program.runner("verify").expectSuccess()
    }

    @Test(arguments: [
        (["--queue", "no.db"], Int32(3), "no queue at no.db"),
        (["--output", ""], 2, "the output's name is empty"),
        (["--fast"], 2, "runner verify --help"),
    ])
    func verify_isRefused(_ arguments: [String], status: Int32, part: String) async throws {
        try await program.start("runner", ["verify"] + arguments).wait()
            .expectRefusal(status, part)
        #expect(try program.files().isEmpty)
    }

    @Test func verify_refusesWhatIsNoQueue() async throws {
        write(Array("notes\n".utf8), to: program.folder.file("runner.db"))
        try await program.runner("verify").expectRefusal(3, "not a SQLite database", "--queue")
    }
}
