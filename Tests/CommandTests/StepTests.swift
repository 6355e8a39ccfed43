import Foundation
import TestServer
import TestSupport
import Testing

/// `runner enqueue --range --step`: IDs stay what people asked for, from the URL to the export.
@Suite(.serialized) struct StepTests {
    private let program = Program()

    @Test(arguments: OutputFormat.allCases)
    func eachIDOfTheStep_isFetchedOnce(_ format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let url = "\(origin.url)/mixed/{id}"
        try await program.runner("enqueue", "--range", "7..6000", "--step", "20", "--url", url)
            .expectSuccess()
        try await program.runner("enqueue", "--range", "0...10", "--url", url).expectSuccess()
        #expect(try await program.run(format, "-q").status == 0)
        try await program.expectVerified()
        try await program.checkOutput(
            format, more: ["--jobs", "7..6000..20", "--jobs", "0..11", "--queue", "runner.db"])
        #expect(try origin.hits().requests == 300 + 11)
    }

    @Test func stepsAreTold_andExported() async throws {
        let url = "http://h/{id:05}?n={}"
        let result = try await program.runner(
            "enqueue", "--range", "95..131", "--step", "5", "--url", url)
        result.expectSuccess()
        #expect(
            result.out == "queued 8 jobs, IDs 95...130 step 5, as batch 1 in runner.db: \(url)\n")
        let json = try await program.runner(
            "enqueue", "--range", "0..10", "--step", "3", "--url", url, "--json")
        #expect(
            json.out
                == #"{"batch":2,"first_id":0,"jobs":4,"method":"GET","new":true,"queue":"runner.db","step":3,"url":"\#(url)"}"#
                + "\n")
        let rows = stride(from: 95, through: 130, by: 5).map { id in
            "\(id),1,http://h/\(id < 100 ? "000" : "00")\(id)?n=\(id),available,,"
        }
        let all = try await program.runner("export", "--range", "1...1000")
        #expect(
            all.out.split(separator: "\n").dropFirst().prefix(8).elementsEqual(rows) { $0 == $1 })
        for (range, expected) in [
            ("96..101", rows[1...1]), ("130..200", rows[7...]), ("96..100", []),
            ("91..106", rows[...2]),
        ] {
            let some = try await program.runner("export", "--range", range)
            #expect(
                some.out.split(separator: "\n").dropFirst().elementsEqual(expected) { $0 == $1 },
                "\(range)")
        }
        let batches = try await program.runner("batches")
        #expect(batches.out.contains("  95...130 step 5  GET "))
    }

    /// Rows with a step are made anew each; pages of the export end among them.
    @Test func export_writesEachRowOfAStep_toTheLargestID() async throws {
        let range = "\(Int.max - 700_000)..\(Int.max)"
        try await program.runner(
            "enqueue", "--range", range, "--step", "7", "--url", "http://h/{id}"
        ).expectSuccess()
        let result = try await program.runner("export")
        result.expectSuccess()
        let rows = (0..<100_000).lazy.map { position in
            let id = Int.max - 700_000 + position * 7
            return "\(id),1,http://h/\(id),available,,"
        }
        #expect(result.out.split(separator: "\n").dropFirst().elementsEqual(rows) { $0 == $1 })
    }
}
