import Foundation
import TestSupport
import Testing

/// The lines of a run on stderr, where there is no live view.
@Suite struct LogTests {
    private let program = Program()

    private func enqueue(_ origin: TestOrigin) async throws {
        try await program.runner(
            "enqueue", "--range", "0..20", "--url", "\(origin.url)/status/404/{id}"
        ).expectSuccess()
    }

    @Test func lines_haveTimeAndLevel() async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        let result = try await program.runner("run", "-w", "5")
        let lines = result.err.split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines {
            #expect(
                try #/^[0-9-]{10}T[0-9:]{8}Z info [a-z].*$/#.wholeMatch(in: line) != nil, "\(line)")
        }
        // The result names the outcomes only where they differ.
        #expect(!result.out.contains("outcomes:") && !result.out.contains("output:"))
    }

    @Test func json_isAnObjectALine_errorsToo() async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        let result = try await program.runner("run", "-w", "5", "--log-format", "json")
        struct Line: Decodable {
            let event, level, message, time: String
            let left, exitCode: Int?
            let ending: String?
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let lines = try result.err.split(separator: "\n").map {
            try decoder.decode(Line.self, from: Data($0.utf8))
        }
        #expect(lines.map(\.event) == ["start", "note", "end"])
        #expect(lines[0].left == 20 && lines[2].exitCode == 1 && lines[2].ending == "finished")
        #expect(lines.allSatisfy { $0.level == "info" && $0.time.hasSuffix("Z") })
        let none = try await program.runner(
            "run", "--queue", "none.db", "--log-format", "json")
        let error = try decoder.decode(Line.self, from: Data(none.err.utf8))
        #expect(none.status == 3 && error.event == "error" && error.level == "error")
        #expect(error.message.contains("none.db"))
    }

    /// Only the stream that is named has priorities: it may have been redirected since.
    @Test(arguments: [true, false])
    func priorities_areForTheJournalAlone(isJournal: Bool) async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        let stream = isJournal ? "/dev/fd/2" : "/dev/null"
        let result = try await program.shell(
            "export JOURNAL_STREAM=$(stat -L -c %d:%i \(stream)); exec \"$0\" \"$@\"",
            ["run", "-w", "5"])
        let lines = result.err.split(separator: "\n")
        #expect(lines.count == 2 && result.status == 1)
        #expect(lines.allSatisfy { $0.hasPrefix("<6>") == isJournal }, "\(result.err)")
        if isJournal { #expect(lines[0].hasPrefix("<6>starting runner.db: ")) }
    }

    @Test func theResult_tellsOutcomesAndOutput() async throws {
        let origin = try await TestOrigin()
        try await enqueue(origin)
        try await program.runner("enqueue", "--range", "0..30", "--url", "\(origin.url)/{id}")
            .expectSuccess()
        let result = try await program.runner("run", "-w", "5", "--output", "out")
        let lines = result.out.split(separator: "\n")
        #expect(lines.contains("outcomes: 200 30, 404 failed 20"), "\(result.out)")
        let output = try #require(lines.first { $0.hasPrefix("output: ") })
        #expect(output.hasPrefix("output: 30 records in 1 jsonl file, "), "\(output)")
        #expect(output.hasSuffix("/out"))
    }
}
